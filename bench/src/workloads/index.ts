import { besideBulk } from './beside-bulk.js'
import { echo, largeEcho } from './echo.js'
import { memory } from './memory.js'
import { requests } from './requests.js'
import { start } from './start.js'
import { chunkedUpload, download, upload } from './transfer.js'
import type { Workload } from './workload.js'

/** In the order of the table. */
export const workloads: Workload[] = [
  requests(1),
  requests(50),
  requests(200),
  download(1),
  download(8),
  upload(1),
  upload(8),
  chunkedUpload(1),
  echo(1, 1),
  echo(100, 8),
  largeEcho,
  besideBulk(4, 1),
  memory,
  start,
]
