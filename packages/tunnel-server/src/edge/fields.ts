import type { RequestHead } from 'tunnel-protocol'

/** Value of Accept, or of the first one. Empty where there is none. */
export function acceptOf(request: RequestHead): string {
  return fieldOf(request, 'accept') ?? ''
}

/** Value of the first field with this name, without white space around it. */
export function fieldOf({ forward }: RequestHead, name: string): string | undefined {
  return new RegExp(`^${name}:([^\\r]*)\\r\\n`, 'im').exec(forward)?.[1]?.trim()
}
