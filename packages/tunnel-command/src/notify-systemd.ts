import { spawn } from 'node:child_process'

/**
 * Tell systemd that the service has started, where it wants to know (Type=notify, sd_notify(3)). Through systemd's own program, since Node has no
 * sockets of that kind. `onFailure` is called with a reason where that does not work; then systemd takes the start for failed.
 */
export function notifyReady(env: NodeJS.ProcessEnv, onFailure: (reason: string) => void): void {
  if (!env.NOTIFY_SOCKET) return
  const child = spawn('systemd-notify', ['--ready'], { env, stdio: 'ignore' })
  child.on('error', (error: NodeJS.ErrnoException) => onFailure(error.code ?? error.message))
  child.on('exit', (code) => {
    if (code !== 0) onFailure(`exit code ${code}`)
  })
}
