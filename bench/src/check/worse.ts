// Loaded into the commands by the test of the check (node --import …/worse.js?parse): makes each request dearer, in the way that its address names.
import { openSync, writeSync } from 'node:fs'
import { devNull } from 'node:os'
import { HeadReader, parseRequestHead, parseResponseHead } from 'tunnel-protocol'

const nowhere = openSync(devNull, 'w')
const from = Buffer.alloc(1 << 20)
const to = Buffer.alloc(from.length)
let kept: unknown

const ways: Record<string, (head: string) => void> = {
  nothing: () => {},
  /** Parses each head twice more. */
  parse: (head) => {
    for (let time = 0; time < 2; time++) {
      kept = head.startsWith('HTTP/') ? parseResponseHead(head, 'GET') : parseRequestHead(head)
    }
  },
  /** Some 4 KiB on the heap. */
  allocate: () => {
    kept = new Array(512).fill(kept === undefined)
  },
  write: () => writeSync(nowhere, 'x'),
  /** What neither allocates nor runs any JavaScript to speak of. */
  copy: () => from.copy(to),
}

const way = ways[new URL(import.meta.url).search.slice(1)]
if (way === undefined) throw new Error(`one of ${Object.keys(ways).join(', ')} must follow the question mark`)

const { read } = HeadReader.prototype
HeadReader.prototype.read = function (...given) {
  const head = read.apply(this, given)
  if (head !== undefined) way(head)
  return head
}
