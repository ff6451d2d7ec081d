import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import http2 from 'node:http2'
import https from 'node:https'
import net, { type AddressInfo } from 'node:net'
import { join } from 'node:path'
import tls from 'node:tls'
import { WebSocket } from 'ws'
import { DEADLINE_MS, Running } from './support/process.js'
import { find } from './support/programs.js'
import { type Answer, complete, type Visit } from './support/visitor.js'
import { root, World } from './support/world.js'

export const DOMAIN = 'tunnel.test'
export const lookupPreload = new URL('./deploy-lookup.js', import.meta.url).href

/** A self-signed certificate for tunnel.test and *.tunnel.test, valid until 2126, and its key: for proxies that fetch none. */
const wildcard = {
  key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg/uJzANDg9oCLKqnL
5gtf6V4WYE7V6g3zuuCQZGh31wGhRANCAASd1khvClbhPdoGBgsf0xQ+qVvvmMz7
pskHiEo/lwxxexK5eblYMi6pv+CreXYh+pg7fOj8CIXBgGcb0CuVcSK5
-----END PRIVATE KEY-----
`,
  cert: `-----BEGIN CERTIFICATE-----
MIIBqzCCAVCgAwIBAgIUMmNG8jtZlaT+LrpkapAsKe3z4oQwCgYIKoZIzj0EAwIw
FjEUMBIGA1UEAwwLdHVubmVsLnRlc3QwIBcNMjYxMTIxMDUxNTA5WhgPMjEyNjEw
MjgwNTE1MDlaMBYxFDASBgNVBAMMC3R1bm5lbC50ZXN0MFkwEwYHKoZIzj0CAQYI
KoZIzj0DAQcDQgAEndZIbwpW4T3aBgYLH9MUPqlb75jM+6bJB4hKP5cMcXsSuXm5
WDIuqb/gq3l2IfqYO3zo/AiFwYBnG9ArlXEiuaN6MHgwHQYDVR0OBBYEFFPCBnpA
7VjC8prpCVP4nOrc/dBhMB8GA1UdIwQYMBaAFFPCBnpA7VjC8prpCVP4nOrc/dBh
MA8GA1UdEwEB/wQFMAMBAf8wJQYDVR0RBB4wHIILdHVubmVsLnRlc3SCDSoudHVu
bmVsLnRlc3QwCgYIKoZIzj0EAwIDSQAwRgIhAIx/vnHTRIQYWuTB3uWRuHltaJi2
I3aWc/cnOk3lKUZTAiEAiU/1pFacK+FRLREA+0+C4YaczNsNFyOlfduVtd3NeiU=
-----END CERTIFICATE-----
`,
}

export type ProxyName = 'caddy' | 'nginx'

/** Caddy's version as a number that compares: 2.06 for 2.6, 2.1 for 2.10. */
export function caddyVersion(): number {
  const text = spawnSync(find('caddy') ?? 'caddy', ['version'], { encoding: 'utf8' }).stdout ?? ''
  const [, major = '0', minor = '0'] = /(\d+)\.(\d+)/.exec(text) ?? []
  return Number(major) + Number(minor) / 100
}

export interface SecureVisit extends Omit<Visit, 'agent'> {
  agent?: https.Agent
  /** Address the visitor comes from: any of 127.0.0.0/8. */
  from?: string
}

/** The service as it is deployed: a real proxy with the configuration under deploy/, in front of the real server. */
export class DeployedWorld implements AsyncDisposable {
  readonly world: World
  readonly httpPort: number
  readonly httpsPort: number
  proxy!: Running
  /** Path of the certificate that visitors and agents trust. */
  caPath = ''
  #ca = ''

  private constructor(world: World, httpPort: number, httpsPort: number) {
    this.world = world
    this.httpPort = httpPort
    this.httpsPort = httpsPort
  }

  static async start(name: ProxyName, args: string[] = []): Promise<DeployedWorld> {
    const program = find(name)
    if (program === undefined) throw new Error(`there is no ${name} on this machine`)
    const [httpPort, httpsPort] = (await freePorts(2)) as [number, number]
    const world = await World.start({
      args: [
        ...['--domain', DOMAIN, '--open', '--public-url', `https://${DOMAIN}:${httpsPort}`],
        ...['--trust-proxy', '127.0.0.1', '--drain', '0', ...args],
      ],
    })
    const deployed = new DeployedWorld(world, httpPort, httpsPort)
    try {
      await (name === 'caddy' ? deployed.#startCaddy(program) : deployed.#startNginx(program))
      deployed.#ca = readFileSync(deployed.caPath, 'utf8')
      await deployed.handshake(DOMAIN)
    } catch (error) {
      await deployed[Symbol.asyncDispose]()
      throw error
    }
    return deployed
  }

  /** deploy/Caddyfile as it is. Its two knobs are what an operator has too. */
  async #startCaddy(program: string): Promise<void> {
    const folder = this.world.newState()
    await mkdir(folder, { recursive: true })
    const options = [
      'local_certs',
      'skip_install_trust',
      'admin off',
      `http_port ${this.httpPort}`,
      `https_port ${this.httpsPort}`,
    ]
    this.#run(program, ['run', '--adapter', 'caddyfile', '--config', join(root, 'deploy/Caddyfile')], {
      TUNNEL_UPSTREAM: `127.0.0.1:${this.world.port}`,
      CADDY_GLOBAL_OPTIONS: options.join('\n'),
      HOME: folder,
      XDG_DATA_HOME: folder,
      XDG_CONFIG_HOME: folder,
    })
    await this.proxy.waitFor(/serving initial configuration/)
    this.caPath = join(folder, 'caddy/pki/authorities/local/root.crt')
  }

  /** deploy/nginx.conf with other ports, the test's domain and its certificate. */
  async #startNginx(program: string): Promise<void> {
    const folder = this.world.newState()
    await mkdir(folder, { recursive: true })
    this.caPath = join(folder, 'cert.pem')
    const keyPath = join(folder, 'key.pem')
    await writeFile(this.caPath, wildcard.cert)
    await writeFile(keyPath, wildcard.key)
    const site = readFileSync(join(root, 'deploy/nginx.conf'), 'utf8')
      .replaceAll('tunnel.example.com', DOMAIN)
      .replaceAll('127.0.0.1:8000', `127.0.0.1:${this.world.port}`)
      .replace(/\n *listen \[::\][^\n]*/g, '')
      .replace('listen 80;', `listen 127.0.0.1:${this.httpPort};`)
      .replace('listen 443 ', `listen 127.0.0.1:${this.httpsPort} `)
      .replace('/etc/ssl/tunnel/fullchain.pem', this.caPath)
      .replace('/etc/ssl/tunnel/privkey.pem', keyPath)
    await writeFile(join(folder, 'site.conf'), site)
    const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
      .map((kind) => `  ${kind}_temp_path ${join(folder, kind)};`)
      .join('\n')
    const user = process.getuid?.() === 0 ? 'user root;\n' : ''
    const main = `${user}daemon off;\npid ${join(folder, 'nginx.pid')};\nerror_log stderr notice;\nevents {}\nhttp {\n  access_log off;\n${temporary}\n  include site.conf;\n}\n`
    await writeFile(join(folder, 'nginx.conf'), main)
    this.#run(program, ['-e', 'stderr', '-p', folder, '-c', join(folder, 'nginx.conf')], {})
    await this.proxy.waitFor(/start worker process \d/)
  }

  #run(program: string, args: string[], env: Record<string, string>): void {
    const proxy = new Running(program, args, { env })
    this.proxy = proxy
    this.world.onLeave(async () => {
      // Not SIGKILL: nginx's workers would outlive their master.
      proxy.kill('SIGTERM')
      await proxy.exitCode()
    })
  }

  hostOf(name: string): string {
    return name === '' ? DOMAIN : `${name}.${DOMAIN}`
  }

  /**
   * Open a tunnel as somebody elsewhere would, with nothing but the public URL of the server, and wait for its certificate:
   * Caddy 2.6 fetches one at a time and fails the handshakes of others meanwhile.
   */
  async agent(name: string, port: number, args: string[] = []): Promise<Running> {
    const agent = await this.world.agent(name, port, {
      args,
      env: {
        TUNNEL_SERVER: `https://${DOMAIN}:${this.httpsPort}`,
        NODE_EXTRA_CA_CERTS: this.caPath,
        NODE_OPTIONS: `${process.env.NODE_OPTIONS ?? ''} --import=${lookupPreload}`.trim(),
      },
    })
    await this.handshake(this.hostOf(name))
    return agent
  }

  /** What a visitor of `name` connects with; the bare domain for ''. */
  #connection(name: string): tls.ConnectionOptions {
    return { host: '127.0.0.1', port: this.httpsPort, servername: this.hostOf(name), ca: this.#ca }
  }

  open(name: string, path: string, visit: SecureVisit = {}) {
    const { host, port, servername, ca } = this.#connection(name)
    return https.request({
      host,
      port,
      servername,
      ca,
      path,
      method: visit.method ?? 'GET',
      headers: { host: `${this.hostOf(name)}:${this.httpsPort}`, ...visit.headers },
      agent: visit.agent ?? false,
      ...(visit.from === undefined ? {} : { localAddress: visit.from }),
    })
  }

  /** A whole visit over HTTPS: request, response, body. */
  async visit(name: string, path: string, visit: SecureVisit = {}): Promise<Answer> {
    return complete(this.open(name, path, visit), visit.body)
  }

  websocket(name: string, path: string): WebSocket {
    const { servername, ca } = this.#connection(name)
    // ws hands these on to tls.connect, though its types do not say so.
    const secure: object = { servername, ca }
    const socket = new WebSocket(`wss://127.0.0.1:${this.httpsPort}${path}`, [], {
      ...secure,
      headers: { host: `${this.hostOf(name)}:${this.httpsPort}` },
    })
    this.world.onLeave(async () => socket.terminate())
    return socket
  }

  /** A browser's connection: HTTP/2. */
  http2(name: string): http2.ClientHttp2Session {
    const connection = this.#connection(name)
    const session = http2.connect(`https://${this.hostOf(name)}:${this.httpsPort}`, {
      createConnection: () => tls.connect({ ...connection, ALPNProtocols: ['h2'] }),
    })
    session.on('error', () => {})
    this.world.onLeave(async () => session.destroy())
    return session
  }

  /**
   * Only the TLS handshake. Returns the names in the certificate; rejects as the handshake does. A certificate made this very
   * moment can be too new: what OpenSSL takes for the time lags by some milliseconds.
   */
  async handshake(servername: string): Promise<string> {
    const ends = Date.now() + DEADLINE_MS
    while (true) {
      try {
        return await this.#handshake(servername)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'CERT_NOT_YET_VALID' || Date.now() > ends) throw error
      }
    }
  }

  #handshake(servername: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = tls.connect({ ...this.#connection(''), servername }, () => {
        resolve(socket.getPeerCertificate().subjectaltname ?? '')
        socket.destroy()
      })
      socket.setTimeout(DEADLINE_MS, () => socket.destroy(new Error(`no handshake for ${servername}`)))
      socket.once('error', reject)
    })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.world[Symbol.asyncDispose]()
  }
}

/** Ports nobody listens on; taken together, so that they differ. For programs that can't take any port and say which. */
async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => net.createServer())
  await Promise.all(servers.map((server) => new Promise<void>((done) => server.listen(0, '127.0.0.1', done))))
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))))
  return ports
}
