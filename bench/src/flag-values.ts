const USAGE_ERROR = 64

/** The flags of this process. One that can't be used ends it, with what is wrong and the usage. */
export function typed<Flags>(read: (args: string[]) => Flags, usage: string): Flags {
  try {
    return read(process.argv.slice(2))
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n\n${usage}`)
    return process.exit(USAGE_ERROR)
  }
}

/** A word that is no name stands for all names that begin with it and a dash: `get` for get-1, get-50 and get-200. Throws a sentence that lists them all. */
export function pick<Named extends { name: string }>(flag: string, all: Named[], names: string | undefined): Named[] {
  if (names === undefined) return all
  const wanted = names.split(',')
  const exact = new Set(all.map(({ name }) => name))
  const matches = (name: string, want: string) => (exact.has(want) ? name === want : name.startsWith(`${want}-`))
  for (const want of wanted) {
    if (all.some(({ name }) => matches(name, want))) continue
    throw new Error(`${flag} ${want}: there are ${all.map(({ name }) => name).join(', ')}`)
  }
  return all.filter(({ name }) => wanted.some((want) => matches(name, want)))
}

/** A number from 1 to `max`. Throws a sentence for the person who typed it. */
export function whole(flag: string, text: string | undefined, fallback: number, max: number): number {
  if (text === undefined) return fallback
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= 1 && value <= max) return value
  throw new Error(`${flag} must be a number from 1 to ${max}, not "${text}"`)
}
