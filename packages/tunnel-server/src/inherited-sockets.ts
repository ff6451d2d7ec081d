/** The first file descriptor that is passed on, behind stdin, stdout and stderr (SD_LISTEN_FDS_START). */
const FIRST = 3
const MAX_SOCKETS = 64

/**
 * File descriptors of the listening sockets that whoever started the process passed on to it (sd_listen_fds(3)): LISTEN_FDS of them, meant for
 * the process LISTEN_PID. Connections that are made while no server runs wait in such a socket. Takes the variables out of `env`: they are
 * not meant for children.
 */
export function takeInheritedSockets(env: NodeJS.ProcessEnv, pid: number): number[] {
  const meant = env.LISTEN_PID === String(pid)
  const count = /^[0-9]{1,4}$/.test(env.LISTEN_FDS ?? '') ? Number(env.LISTEN_FDS) : 0
  delete env.LISTEN_PID
  delete env.LISTEN_FDS
  delete env.LISTEN_FDNAMES
  if (!meant) return []
  return Array.from({ length: Math.min(count, MAX_SOCKETS) }, (_, i) => FIRST + i)
}
