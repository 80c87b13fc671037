/** What the environment has for a KMS or Vault. */
import type { KeyType } from '../nouns.ts'

/**
 * The variables from which sops takes what lets it use such a key. The command has no use for them: with them it could
 * open every file that is encrypted to that key. What the machine itself has, an instance role, can't be taken away.
 */
export const CREDENTIALS: Readonly<Partial<Record<KeyType, readonly string[]>>> = {
  kms: [
    'AWS_SECRET_ACCESS_KEY',
    'AWS_SECRET_KEY',
    'AWS_SESSION_TOKEN',
    'AWS_SECURITY_TOKEN',
    'AWS_WEB_IDENTITY_TOKEN_FILE',
    'AWS_CONTAINER_AUTHORIZATION_TOKEN',
    'AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE',
    'AWS_CONTAINER_CREDENTIALS_RELATIVE_URI',
    'AWS_CONTAINER_CREDENTIALS_FULL_URI',
    'AWS_SHARED_CREDENTIALS_FILE',
  ],
  gcp_kms: [
    'GOOGLE_APPLICATION_CREDENTIALS',
    'GOOGLE_CREDENTIALS',
    'GOOGLE_OAUTH_ACCESS_TOKEN',
    'CLOUDSDK_AUTH_ACCESS_TOKEN',
  ],
  azure_kv: [
    'AZURE_CLIENT_SECRET',
    'AZURE_CLIENT_CERTIFICATE_PATH',
    'AZURE_CLIENT_CERTIFICATE_PASSWORD',
    'AZURE_PASSWORD',
    'AZURE_FEDERATED_TOKEN_FILE',
    'IDENTITY_HEADER',
    'MSI_SECRET',
  ],
  hckms: [
    'HUAWEICLOUD_SDK_AK',
    'HUAWEICLOUD_SDK_SK',
    'HUAWEICLOUD_SDK_SECURITY_TOKEN',
    'HUAWEICLOUD_SDK_CREDENTIALS_FILE',
    'HUAWEICLOUD_SDK_ID_TOKEN_FILE',
  ],
  hc_vault: ['VAULT_TOKEN', 'VAULT_HEADERS', 'VAULT_CLIENT_KEY'],
}
