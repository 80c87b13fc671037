export function plainWords(node: string): string[]
export function envText(node: string): string
export function shellText(node: string): string
export const SET_ASIDE: readonly string[]
export const COPIES: Readonly<Record<'env' | 'image' | 'shell' | 'distroless' | 'systemd', string>>
