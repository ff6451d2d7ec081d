import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readWrk } from './wrk.js'

const printed = (more = '') => `Running 2s test @ http://127.0.0.1:8000/1k
  1 threads and 50 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.95ms    1.50ms  41.30ms   94.18%
    Req/Sec    26.70k     3.01k   30.93k    80.00%
  Latency Distribution
     50%    1.71ms
     75%    2.05ms
     90%  850.00us
     99%    1.20s
  53134 requests in 2.00s, 57.20MB read
${more}Requests/sec:  26560.31
Transfer/sec:     28.59MB
`

test('requests, time and percentiles in whatever unit they come', () => {
  assert.deepEqual(readWrk(printed()), { count: 53_134, seconds: 2, p50Ms: 1.71, p99Ms: 1_200, errors: 0 })
})

test('an answer other than 2xx or 3xx is an error and no answer; a broken connection is an error', () => {
  const more = '  Socket errors: connect 1, read 2, write 3, timeout 4\n  Non-2xx or 3xx responses: 100\n'
  const { count, errors } = readWrk(printed(more))
  assert.deepEqual({ count, errors }, { count: 53_034, errors: 110 })
})

test('anything else is said to be something else', () => {
  assert.throws(() => readWrk('unable to connect'), /wrk printed something else: unable to connect/)
})
