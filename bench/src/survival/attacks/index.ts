import type { Attack } from '../scene.js'
import { bareDomain } from './bare-domain.js'
import { controlFloods } from './control-floods.js'
import { garbage } from './garbage.js'
import { hostileSessions } from './hostile-sessions.js'
import { interimFlood } from './interim-flood.js'
import { manyNames } from './many-names.js'
import { silentLinks } from './silent-links.js'
import { slowBody } from './slow-body.js'
import { slowloris } from './slowloris.js'
import { stuckAgent } from './stuck-agent.js'
import { stuckApp, tinyChunks } from './stuck-app.js'
import { stuckReaders } from './stuck-readers.js'
import { tooManyRequests } from './too-many-requests.js'
import { unreadAnswers } from './unread-answers.js'

/** In the order of the table: visitors, apps, agents. */
export const attacks: Attack[] = [
  garbage,
  slowloris,
  slowBody,
  stuckReaders,
  unreadAnswers,
  tooManyRequests,
  bareDomain,
  stuckApp,
  tinyChunks,
  stuckAgent,
  interimFlood,
  hostileSessions,
  manyNames,
  silentLinks,
  controlFloods,
]
