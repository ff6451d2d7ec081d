/** A stretch of source text and how often it was run, as V8 reports a function or a block in it. */
export interface TextRange {
  startOffset: number
  endOffset: number
  count: number
}

/**
 * Characters of one script's text that were run: the sum over all stretches of their length times their count. What lies inside another one counts
 * as itself only. It stands for instructions: it is the same in each run, grows with every call and every turn of a loop, and knows nothing of time.
 */
export function textRun(ranges: TextRange[]): number {
  const sorted = [...ranges].sort((a, b) => a.startOffset - b.startOffset || b.endOffset - a.endOffset)
  const around: TextRange[] = []
  let run = 0
  for (const range of sorted) {
    while (around.length > 0 && around.at(-1)!.endOffset <= range.startOffset) around.pop()
    run += (range.endOffset - range.startOffset) * (range.count - (around.at(-1)?.count ?? 0))
    around.push(range)
  }
  return run
}
