export function pages(): Promise<Map<string, string>>
