import { TunnelError } from '../errors.js'
import { BodyReader } from '../http/body.js'
import {
  parseRequestHead,
  parseResponseHead,
  type RequestHead,
  type RequestHeadLimits,
  type ResponseHead,
} from '../http/head.js'
import { HeadReader } from '../http/head-reader.js'

/** One message found in a run of bytes. */
export interface Walked<Head> {
  /** As HeadReader gave it. */
  text: string
  head: Head
  body: Buffer
  trailers: string
  /** False where the bytes, or what is right about them, end inside the body. */
  complete: boolean
  /** Offsets behind the head, and behind what was read of the body. */
  headEnd: number
  end: number
}

export interface Walk<Head> {
  messages: Array<Walked<Head>>
  /** Why nothing behind the last message could be read. */
  fault: TunnelError | undefined
  /** Bytes of an unfinished head are kept. */
  started: boolean
  /** Offset behind the last complete head or body. */
  end: number
}

export interface WalkOptions {
  maxHeadBytes?: number
  limits?: RequestHeadLimits
  /** Read nothing behind the message with this head, or not even its body. Default: neither. */
  last?: (head: RequestHead | ResponseHead) => 'message' | 'head' | undefined
}

/** The requests in `chunks`, read as the edge reads them. */
export function walkRequests(chunks: Buffer[], options: WalkOptions = {}): Walk<RequestHead> {
  return walk(chunks, options, 'TUN_ERR_BAD_REQUEST', (text) => parseRequestHead(text, options.limits))
}

/** The responses in `chunks` to requests of `methods`, interim ones included, read as the agent reads them. */
export function walkResponses(chunks: Buffer[], methods: string[], options: WalkOptions = {}): Walk<ResponseHead> {
  let answered = 0
  return walk(chunks, options, 'TUN_ERR_ORIGIN_RESET', (text) => {
    const head = parseResponseHead(text, methods[answered] ?? 'GET')
    if (head.status >= 200) answered++
    return head
  })
}

function walk<Head extends RequestHead | ResponseHead>(
  chunks: Buffer[],
  { maxHeadBytes = 16 * 1024, last = () => undefined }: WalkOptions,
  code: 'TUN_ERR_BAD_REQUEST' | 'TUN_ERR_ORIGIN_RESET',
  parse: (text: string) => Head,
): Walk<Head> {
  const heads = new HeadReader(maxHeadBytes)
  const result: Walk<Head> = { messages: [], fault: undefined, started: false, end: 0 }
  let body: BodyReader | undefined
  let passed = 0
  let over = false
  try {
    for (const chunk of chunks) {
      let offset = 0
      while (offset < chunk.length && !over) {
        if (body !== undefined) {
          offset = body.feed(chunk, offset)
          result.messages.at(-1)!.end = passed + offset
          if (body.done) {
            body = undefined
            over = last(result.messages.at(-1)!.head) !== undefined
          }
        } else {
          const text = heads.read(chunk, offset)
          if (text === undefined) break
          offset = heads.end
          const message: Walked<Head> = {
            text,
            head: parse(text),
            body: Buffer.alloc(0),
            trailers: '',
            complete: false,
            headEnd: passed + offset,
            end: passed + offset,
          }
          result.messages.push(message)
          const ending = last(message.head)
          if (message.head.framing === 'none') message.complete = true
          else if (ending !== 'head') body = bodyReader(message, code)
          over = ending !== undefined && body === undefined
        }
        result.end = passed + offset
      }
      passed += chunk.length
    }
  } catch (error) {
    result.fault = TunnelError.from(error)
  }
  result.started = heads.started
  return result
}

function bodyReader<Head extends RequestHead | ResponseHead>(
  message: Walked<Head>,
  code: 'TUN_ERR_BAD_REQUEST' | 'TUN_ERR_ORIGIN_RESET',
): BodyReader {
  const sink = {
    onBody(part: Buffer) {
      message.body = Buffer.concat([message.body, part])
    },
    onBodyEnd(trailers: string) {
      message.trailers = trailers
      message.complete = true
    },
  }
  return new BodyReader(message.head.framing, message.head.contentLength, sink, code)
}
