export const LONGEST: number
export function mapRows(): Array<[name: string, sentence: string]>
export function pageNow(page: string): string
