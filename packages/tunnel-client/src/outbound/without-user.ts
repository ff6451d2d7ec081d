/** What was given as a URL, as it may be shown: without user and password, which end at the last @. */
export function withoutUser(text: string): string {
  return text.replace(/^(\S*?:\/\/)?.*@/s, '$1…@')
}
