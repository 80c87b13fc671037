/** Every byte of an approval counts: in a file of its own, as it starts ssh-keygen some thousand times. */
import { expect, test } from 'vitest'
import { checkApproval } from '../../src/host/vault/approval.ts'
import { readProposal } from '../../src/host/vault/proposal.ts'
import { Vault } from '../unit/host/vault/vault.ts'

const FILE = 'vault/approved/p.json'
const SIGNATURE = `${FILE}.sig`

const check = async (vault: Vault) => checkApproval(vault.context, readProposal(vault.root, 'p', new Set()))

test('no byte of the proposal or of the signature can be changed', async () => {
  const vault = new Vault()
  await vault.approve('p', { lasts: 3_600_000, command: ['true'] })
  for (const file of [FILE, SIGNATURE]) {
    const good = vault.read(file)
    for (let at = 0; at < good.length; at += 1) {
      const bad = Buffer.from(good)
      bad[at] = (bad[at] ?? 0) ^ 1
      vault.write(file, bad)
      const told = await check(vault).then(
        () => 'approved',
        ({ code }) => code,
      )
      expect(told, `${file}, byte ${at}`).toMatch(/^(?:approval|proposal|name)-/)
    }
    for (const more of ['\n', ' ', 'x']) {
      vault.write(file, Buffer.concat([good, Buffer.from(more)]))
      await expect(check(vault), `${file} and ${JSON.stringify(more)}`).rejects.toThrow()
    }
    vault.write(file, good)
  }
  expect(await check(vault)).toEqual({ by: 'me@example.org' })
})
