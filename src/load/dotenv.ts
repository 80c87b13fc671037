/** Dotenv text to names and values, by the package that defines what they mean. */

/** Loaded when an env file is met: most runs with secret files alone never need it. */
export async function parseDotenv(text: string): Promise<Array<[name: string, value: string]>> {
  const { parse } = await import('dotenv')
  return Object.entries(parse(text))
}
