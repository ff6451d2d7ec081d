/** One line for whoever runs the command. */
export function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

/** Whom a token is for that stands in the server's own list. */
export const NO_ACCOUNT = '(a token without an account)'
