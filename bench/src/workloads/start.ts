import type { Workload } from './workload.js'

/** With the server up: from the start of the client's command until a visitor has the app's answer. */
export const start: Workload = {
  name: 'start',
  title: 'Start of the client to the first answer',
  metrics: [{ key: 'time', label: 'time', unit: 'ms' }],
  fresh: true,
  warmUp: true,
  async measure({ running, startFresh }) {
    if (running.firstAnswerMs === undefined) return {}
    const fresh = await startFresh()
    await fresh.stop()
    return fresh.firstAnswerMs === undefined ? {} : { time: fresh.firstAnswerMs }
  },
}
