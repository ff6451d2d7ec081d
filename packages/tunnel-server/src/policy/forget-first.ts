/** Keep a map within `max` entries, one of which has just been added: the one that has been there for longest goes. */
export function forgetFirst(map: Map<string, unknown>, max: number): void {
  if (map.size <= max) return
  for (const first of map.keys()) {
    map.delete(first)
    return
  }
}
