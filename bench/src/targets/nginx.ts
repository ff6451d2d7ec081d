import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Place } from '../path/path.js'
import { freePort } from '../process/ports.js'
import { ensureProgram, findProgram, run } from '../process/programs.js'
import { untilAnswered } from './first-answer.js'
import type { Target } from './target.js'

/** nginx as a plain reverse proxy: the anchor, for it does what any tunnel must do at least. */
export const nginx: Target = {
  name: 'nginx',
  async missing() {
    return (await ensureProgram('nginx', 'nginx-light')) === undefined ? 'nginx is not installed' : undefined
  },
  async start({ stage, path, originPort }) {
    const command = findProgram('nginx') ?? 'nginx'
    const dir = stage.tempDir()
    const port = await freePort()
    const { stderr } = await run(command, ['-V'])
    const app = await path.toFar(originPort)
    writeFileSync(join(dir, 'nginx.conf'), configuration(dir, port, app, stderr))
    const child = stage.start('nginx', command, ['-p', dir, '-e', 'stderr', '-c', join(dir, 'nginx.conf')])
    const address = { port, host: `127.0.0.1:${port}` }
    await untilAnswered(address, child)
    return { address, parts: [{ role: 'proxy', child }], firstAnswerMs: undefined, stop: () => child.stop() }
  },
}

/** One process without a master, so that ending it by its pid ends all of it. Nothing is buffered, as a tunnel must not. */
function configuration(dir: string, port: number, app: Place, build: string): string {
  const tempPaths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .filter((kind) => !build.includes(`--without-http_${kind}_module`))
    .map((kind) => `${kind}_temp_path ${dir}/${kind};`)
  return `
daemon off;
master_process off;
worker_processes 1;
pid ${dir}/nginx.pid;
error_log stderr error;
events { worker_connections 4096; }
http {
  access_log off;
  ${tempPaths.join('\n  ')}
  keepalive_requests 1000000000;
  keepalive_timeout 600s;
  client_max_body_size 0;
  map $http_upgrade $proxy_connection { default upgrade; '' ''; }
  upstream app {
    server ${app.host}:${app.port};
    keepalive 512;
    keepalive_requests 1000000000;
  }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://app;
      proxy_http_version 1.1;
      proxy_set_header Host $http_host;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $proxy_connection;
      proxy_buffering off;
      proxy_request_buffering off;
      proxy_read_timeout 1h;
      proxy_send_timeout 1h;
      send_timeout 1h;
    }
  }
}
`
}
