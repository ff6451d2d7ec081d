import { FieldError } from './field-error.js'

/** What a person is told; PATTERN says the same in code. */
const PATTERN_RULE = 'a name such as alice, or a pattern such as alice-* with one * and a letter or digit'
const PATTERN = /^(?=.{1,63}$)(?=.*[a-z0-9])[a-z0-9-]*\*?[a-z0-9-]*$/
/** Patterns of one account. */
export const MAX_PATTERNS = 100

/** The patterns in lower case, each once. Throws FieldError. */
export function checkPatterns(given: readonly string[]): string[] {
  if (given.length > MAX_PATTERNS) throw FieldError.expected('names', `at most ${MAX_PATTERNS} patterns`, given.length)
  const patterns = given.map((pattern) => pattern.toLowerCase())
  const wrong = patterns.findIndex((pattern) => !PATTERN.test(pattern))
  if (wrong >= 0) throw FieldError.expected(`names[${wrong}]`, PATTERN_RULE, given[wrong])
  return [...new Set(patterns)]
}

/** Does `name` fit one of them? `*` stands for any characters, or none. */
export function matchesAny(patterns: readonly string[], name: string): boolean {
  return patterns.some((pattern) => matches(pattern, name))
}

function matches(pattern: string, name: string): boolean {
  const star = pattern.indexOf('*')
  if (star < 0) return pattern === name
  const behind = pattern.length - star - 1
  return (
    name.length >= star + behind && name.startsWith(pattern.slice(0, star)) && name.endsWith(pattern.slice(star + 1))
  )
}
