/** The text of a .sops.yaml: aliases and merge keys written out, checked against a schema. */
import * as v from 'valibot'
import { RULE_NAMES } from '../../sops/rule.ts'
import { parseYaml } from '../../yaml.ts'
import { failure } from '../errors.ts'

const Text = v.nullish(v.string())
/** A text with commas, or a list of texts (config.go, parseKeyField). */
const Keys = v.nullish(v.union([v.string(), v.array(v.string())]))
const List = v.nullish(v.array(v.string()))

export interface RawGroup {
  readonly merge?: readonly RawGroup[] | null | undefined
  readonly [kind: string]: unknown
}

const GroupSchema: v.GenericSchema<RawGroup> = v.looseObject({
  merge: v.nullish(v.array(v.lazy(() => GroupSchema))),
  age: List,
  pgp: List,
  hc_vault: List,
  kms: v.nullish(v.array(v.looseObject({ arn: Text, role: Text, aws_profile: Text }))),
  gcp_kms: v.nullish(v.array(v.looseObject({ resource_id: Text }))),
  hckms: v.nullish(v.array(v.looseObject({ key_id: Text }))),
  azure_keyvault: v.nullish(v.array(v.looseObject({ vaultUrl: Text, key: Text, version: Text }))),
})

const RuleSchema = v.looseObject({
  path_regex: Text,
  age: Keys,
  pgp: Keys,
  kms: Keys,
  gcp_kms: Keys,
  hckms: List,
  azure_keyvault: Keys,
  hc_vault_transit_uri: Keys,
  aws_profile: Text,
  key_groups: v.nullish(v.array(v.nullable(GroupSchema))),
  shamir_threshold: v.nullish(v.number()),
  mac_only_encrypted: v.nullish(v.boolean()),
  ...v.entriesFromList(RULE_NAMES, Text),
})
const ConfigSchema = v.looseObject({ creation_rules: v.nullish(v.array(v.nullable(RuleSchema))) })
export type RawRule = v.InferOutput<typeof RuleSchema>

/** Returns the rules that stand in the text of a .sops.yaml. Throws sops-config. */
export async function readRules(path: string, text: string): Promise<RawRule[]> {
  // Line ends to sops, which reads YAML 1.1, and none to us: behind a comment with one stands a rule that only sops sees.
  if (/\r(?!\n)|[\u0085\u2028\u2029]/.test(text))
    throw failure('sops-config', { path, reason: 'has a line end that is not a line feed' })
  const document = await parseYaml(path, text)
  if (document === undefined) throw failure('sops-config', { path, reason: 'is not YAML' })
  let parsed: unknown
  try {
    parsed = document.toJS({ maxAliasCount: -1 })
  } catch {
    // `<<` of what is no map.
    throw failure('sops-config', { path, reason: 'is not YAML' })
  }
  const result = v.safeParse(ConfigSchema, parsed ?? {})
  if (!result.success) {
    const [issue] = result.issues
    throw failure('sops-config', {
      path,
      reason: `not what sops expects${issue === undefined ? '' : ` at ${v.getDotPath(issue) ?? 'its top'}`}`,
    })
  }
  return (result.output.creation_rules ?? []).map((rule) => rule ?? {})
}
