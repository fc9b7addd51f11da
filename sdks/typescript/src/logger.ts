/**
 * Where the SDK says what its user should know.
 *
 * @module
 */

/** A part of `console`. */
export interface Logger {
  info(message: string, ...details: unknown[]): void;
  warn(message: string, ...details: unknown[]): void;
  error(message: string, ...details: unknown[]): void;
}

/** Warnings and errors go to stderr. */
export const quietConsole: Logger = {
  info: () => undefined,
  warn: (message, ...details) => console.warn(`roomd: ${message}`, ...details),
  error: (message, ...details) => console.error(`roomd: ${message}`, ...details),
};
