import { execFileSync, spawn } from 'node:child_process'
import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { claim, noteRun, spentBy } from '../../../../src/host/vault/claim.ts'
import { readProposal } from '../../../../src/host/vault/proposal.ts'
import { bundled } from '../bundled.ts'
import { PROPOSAL, Vault } from './vault.ts'

const read = (vault: Vault, id = 'p') => readProposal(vault.root, id, new Set())

test('an approval is spent once, and it is known by which run', () => {
  const vault = new Vault()
  const { project } = vault.context
  expect(spentBy(project, read(vault))).toBeUndefined()
  claim(project, read(vault), 'run-1')
  expect(spentBy(project, read(vault))).toMatchObject({ run: 'run-1' })
  expect(() => claim(project, read(vault), 'run-2')).toThrow(/has already run/)
})

test('what does not name itself is spent under every other ID, too', () => {
  const vault = new Vault()
  const { project } = vault.context
  vault.write('vault/approved/q.json', vault.read('vault/approved/p.json'))
  claim(project, read(vault), 'run-1')
  expect(() => claim(project, read(vault, 'q'), 'run-2')).toThrow(/has already run/)
  vault.write('vault/approved/r.json', JSON.stringify({ ...PROPOSAL, id: 'r' }))
  claim(project, read(vault, 'r'), 'run-3')
})

test('a claim that was cut short counts', () => {
  const vault = new Vault()
  const { project } = vault.context
  const directory = join(vault.home, '.config/sops/age/project/vault-spent')
  claim(project, read(vault), 'run-1')
  for (const name of readdirSync(directory)) execFileSync('truncate', ['--size', '5', join(directory, name)])
  expect(spentBy(project, read(vault))).toMatchObject({ at: 'some time' })
  expect(() => claim(project, read(vault), 'run-2')).toThrow(/has already run/)
})

test('without a home there is nothing to claim with', () => {
  const vault = new Vault()
  const project = { ...vault.context.project, serviceKeysDir: undefined }
  expect(() => claim(project, read(vault), 'run-1')).toThrow(/nowhere to keep/)
  expect(() => noteRun(project, read(vault), 'run-1')).not.toThrow()
})

test('of many processes that claim at once one gets it', async () => {
  const vault = new Vault()
  const script = bundled(`
    import { claim } from './vault/claim.ts'
    import { readProposal } from './vault/proposal.ts'
    import { projectAt } from './project.ts'
    const project = projectAt(undefined, new Map([['HOME', '${vault.home}']]), '${vault.root}')
    try { claim(project, readProposal('${vault.root}', 'p', new Set()), 'x'); console.log('mine') } catch (error) { console.log(error.code) }
  `)
  rmSync(join(vault.home, '.config/sops/age/project/vault-spent'), { recursive: true, force: true })
  const one = () =>
    new Promise<string>((done) => {
      const child = spawn(process.execPath, [script])
      let text = ''
      child.stdout.on('data', (chunk) => {
        text += chunk
      })
      child.on('close', () => done(text.trim()))
    })
  const told = await Promise.all(Array.from({ length: 8 }, one))
  expect(told.sort()).toEqual([...Array(7).fill('approval-used'), 'mine'])
  expect(readFileSync(join(vault.home, '.config/sops/age/project/vault-spent/id-p'), 'utf8')).toMatch(
    /"run":"x"/,
  )
})
