import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readCalls } from './syscalls.js'

test('calls are read with and without failures, and their sum is not one of them', () => {
  const table = `% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 55.12    0.123456          12     10240           epoll_wait
 30.00    0.012345           1       512         3 read
  0.00    0.000000           0         1           pread64
------ ----------- ----------- --------- --------- ----------------
100.00    0.135801           8     10753         3 total
`
  assert.deepEqual(readCalls(table), { epoll_wait: 10_240, read: 512, pread64: 1 })
})

test('a process that called nothing has no calls', () => assert.deepEqual(readCalls(''), {}))
