// A process that is a load: visitors that ask as much as they can. It prints what came of it as JSON.
import { background } from './background.js'
import { download } from './download.js'
import { echo } from './echo.js'
import { flow } from './flow.js'
import type { Answers, Carried, Job, Opened } from './job.js'
import { requests } from './requests.js'
import { tunnels } from './tunnels.js'
import { upload } from './upload.js'

/** Calls `going` when the load is what it should be. */
function work(job: Job, going: () => void): Promise<Answers | Carried | Opened> {
  if (job.kind !== 'tunnels') setImmediate(going)
  switch (job.kind) {
    case 'requests':
      return requests(job)
    case 'download':
      return download(job)
    case 'upload':
      return upload(job)
    case 'echo':
      return echo(job)
    case 'background':
      return background(job)
    case 'flow':
      return flow(job)
    case 'tunnels':
      return tunnels(job, going)
  }
}

const job = JSON.parse(process.argv[2] ?? '{}') as Job
const working = work(job, () => process.stdout.write('going\n'))
const result = await working
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0))
