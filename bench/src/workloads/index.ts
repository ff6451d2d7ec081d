import { besideBulk } from './beside-bulk.js'
import { besideStuck } from './beside-stuck.js'
import { echo, largeEcho } from './echo.js'
import { idleTunnels } from './idle-tunnels.js'
import { memory } from './memory.js'
import { peak } from './peak.js'
import { requests } from './requests.js'
import { slowPath } from './slow-path.js'
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
  besideBulk(8, 1, true),
  besideStuck(20),
  peak,
  memory,
  idleTunnels(1_000),
  start,
  slowPath({ roundTripMs: 50, loss: 0 }),
  slowPath({ roundTripMs: 50, loss: 0.005 }),
  slowPath({ roundTripMs: 100, loss: 0 }),
  slowPath({ roundTripMs: 100, loss: 0.005 }),
]
