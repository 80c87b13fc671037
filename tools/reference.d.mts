export function codesIn(directory: string): string[]
export function refusedNames(): [pattern: string, reason: string][]
export function tables(): Promise<Map<string, string>>
export function withTables(page: string): Promise<string>
