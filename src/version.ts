/** The version that esbuild puts in; tests run the sources as they stand. */

declare const DISINTO_VERSION: string

export const VERSION = typeof DISINTO_VERSION === 'string' ? DISINTO_VERSION : '0.0.0'
