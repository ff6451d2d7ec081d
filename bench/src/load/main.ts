// A process that is a load: visitors that ask as much as they can. It prints what came of it as JSON.
import { background } from './background.js'
import { download } from './download.js'
import { echo } from './echo.js'
import type { Answers, Carried, Job } from './job.js'
import { requests } from './requests.js'
import { upload } from './upload.js'

function work(job: Job): Promise<Answers | Carried> {
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
  }
}

const working = work(JSON.parse(process.argv[2] ?? '{}') as Job)
process.stdout.write('going\n')
const result = await working
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0))
