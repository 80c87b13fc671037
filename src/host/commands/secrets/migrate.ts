/** `disinto secrets migrate`: plaintext and older formats to SOPS files. */
import { existsSync } from 'node:fs'
import type { HostCommand } from '../../cli/command.ts'
import { migrateAgeFiles } from '../../migrate/age-files.ts'
import { migrateEnvFile } from '../../migrate/env-file.ts'
import { migrateVaultFile } from '../../migrate/vault-env-file.ts'
import { envSource, inventory } from '../../store/inventory.ts'

export const migrate: HostCommand = {
  name: 'secrets migrate',
  about: 'encrypt .env and files of older installations',
  usage: '[OPTION ...]',
  details: `.env becomes .env.enc (SOPS dotenv, comments and order kept). It is encrypted,
opened again and compared with what dotenv reads from .env; only then is the
plaintext removed. A value of several lines becomes one line; if no line can hold it,
.env.enc is SOPS JSON. Age files in secrets/ become SOPS files, and so does each name in
.env.vault.enc.`,
  examples: ['disinto secrets migrate --dry-run', 'disinto secrets migrate'],
  options: [
    { name: 'dry-run', about: 'say what would be done, and change nothing' },
    { name: 'add-rule', about: 'if .sops.yaml has no rule for secrets/, add one for you alone' },
    { name: 'allow', value: 'NAME', about: 'allow a refused name, as the shim does' },
  ],
  words: [0, 0],
  changes: true,
  run: async ({ context, on, texts }) => {
    const { project, speak } = context
    const how = { dryRun: on('dry-run'), allow: texts('allow'), addRule: on('add-rule') }
    let done = 0
    if (existsSync(project.vaultEnvFile)) done += await migrateVaultFile(context, how)
    done += await migrateAgeFiles(context, how)
    done += await migrateEnvFile(context, how)
    if (done === 0) speak.note('nothing to migrate: no .env, .env.vault.enc or age files here')
    else if (how.dryRun) speak.note('nothing was changed: that was --dry-run')
    else if (inventory(project).some(({ path }) => path === envSource(project).path))
      speak.note('commit the .enc files and .sops.yaml; check them with: disinto secrets verify')
    return 0
  },
}
