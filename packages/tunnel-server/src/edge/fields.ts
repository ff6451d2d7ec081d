import type { RequestHead } from 'tunnel-protocol'

/** Value of Accept, or of the first one. Empty where there is none. */
export function acceptOf({ forward }: RequestHead): string {
  return /^accept:[ \t]*([^\r]*)\r\n/im.exec(forward)?.[1] ?? ''
}
