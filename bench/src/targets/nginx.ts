import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Place } from '../path/path.js'
import type { Child } from '../process/child.js'
import { freePort } from '../process/ports.js'
import { ensureProgram, findProgram, run } from '../process/programs.js'
import type { Stage } from '../process/stage.js'
import { untilAnswered } from './first-answer.js'
import type { Part, Target } from './target.js'

/** nginx as a plain reverse proxy: the anchor, for it does what any tunnel must do at least. */
export const nginx = nginxTarget('nginx', 1)

/** Two of them in a row: two programs between visitor and app, as with any tunnel. What each holds is that of one. */
export const twoNginx = nginxTarget('nginx-2', 2)

function nginxTarget(name: string, inARow: number): Target {
  return {
    name,
    ...(inARow > 1 && { unable: ['memory', 'peak'] }),
    async missing() {
      return (await ensureProgram('nginx', 'nginx-light')) === undefined ? 'nginx is not installed' : undefined
    },
    async start({ stage, path, originPort }) {
      const parts: Part[] = []
      let next = await path.toFar(originPort)
      for (let i = 0; i < inARow; i++) {
        const port = await freePort()
        const child = await startNginx(stage, port, next)
        parts.push({ role: 'proxy', child })
        await untilAnswered({ port, host: `127.0.0.1:${port}` }, child)
        next = { host: '127.0.0.1', port }
      }
      return {
        address: { port: next.port, host: `127.0.0.1:${next.port}` },
        parts,
        firstAnswerMs: undefined,
        stop: async () => {
          for (const { child } of parts.toReversed()) await child.stop()
        },
      }
    },
  }
}

async function startNginx(stage: Stage, port: number, app: Place): Promise<Child> {
  const command = findProgram('nginx') ?? 'nginx'
  const dir = stage.tempDir()
  const { stderr } = await run(command, ['-V'])
  writeFileSync(join(dir, 'nginx.conf'), configuration(dir, port, app, stderr))
  return stage.start('nginx', command, ['-p', dir, '-e', 'stderr', '-c', join(dir, 'nginx.conf')])
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
