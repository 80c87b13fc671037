/**
 * fast-check with one seed for a run: the same each time, so that what has passed passes again; SEED=NUMBER takes another,
 * and the deep run (DEEP=1) a new one, which is printed.
 */
import fc from 'fast-check'

const USUAL = 20_261_126

export const deep = process.env['DEEP'] === '1'
export const seed = Number(process.env['SEED'] ?? (deep ? Math.floor(Math.random() * 2 ** 31) : USUAL))
if (deep) console.log(`seed ${seed}: SEED=${seed} repeats this run`)
/** Milliseconds after which a property has had inputs enough: tools/mutate.mjs asks each for every change. */
const most = process.env['PROPERTY_MS']
const limit = most === undefined ? {} : { interruptAfterTimeLimit: Number(most) }
fc.configureGlobal({ ...fc.readConfigureGlobal(), seed, ...limit })

export default fc
