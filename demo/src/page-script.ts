/** Runs in the browser. Written without backticks and dollar-braces, so that it can stand in a template. */
export const pageScript = `
'use strict'
const element = (id) => document.getElementById(id)
// Not location.href: it may carry a query or a password, which an address for a WebSocket must not have.
const here = location.origin + location.pathname

function show(node, text, className) {
  node.textContent = text
  node.className = 'state ' + className
}

// WebSocket echo
const log = element('echo-log')
const input = element('echo-input')
const sendButton = element('echo-send')
let socket
let attempt = 0

function addLine(text, className) {
  const line = document.createElement('li')
  line.textContent = text
  line.className = className
  log.append(line)
  while (log.children.length > 200) log.firstChild.remove()
  log.scrollTop = log.scrollHeight
}

function connect() {
  const url = new URL('echo', here)
  url.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:'
  socket = new WebSocket(url)
  show(element('echo-state'), 'connecting', '')
  sendButton.disabled = true
  socket.onopen = () => {
    if (attempt > 0) addLine('connected again', 'note')
    attempt = 0
    sendButton.disabled = false
    show(element('echo-state'), 'open since ' + new Date().toLocaleTimeString(), 'open')
  }
  socket.onmessage = (event) => addLine(event.data, 'received')
  socket.onclose = () => {
    if (attempt === 0 && !sendButton.disabled) addLine('connection lost', 'note')
    attempt++
    sendButton.disabled = true
    show(element('echo-state'), 'closed, trying again', 'closed')
    setTimeout(connect, Math.min(1000 * attempt, 5000))
  }
}
connect()

element('echo-form').onsubmit = (event) => {
  event.preventDefault()
  if (input.value === '' || socket.readyState !== WebSocket.OPEN) return
  addLine(input.value, 'sent')
  socket.send(input.value)
  input.value = ''
  input.focus()
}

// Clock: the browser opens the event stream again by itself
const clock = element('clock')
const events = new EventSource(new URL('clock', here))
let count = 0
events.onopen = () => show(element('clock-state'), 'live', 'open')
events.onerror = () => show(element('clock-state'), 'lost, trying again', 'closed')
events.onmessage = (event) => {
  clock.dateTime = clock.textContent = event.data
  count++
  element('clock-count').textContent = count + ' so far.'
}

// Upload
const file = element('upload-file')
const drop = element('upload-drop')
const progress = element('upload-progress')
const result = element('upload-result')
let running

function size(bytes) {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB']
  let unit = 0
  for (; bytes >= 1024 && unit < units.length - 1; unit++) bytes /= 1024
  return (unit === 0 ? bytes : bytes.toFixed(1)) + ' ' + units[unit]
}

function showResult(text, sha256, failed) {
  result.className = failed ? 'failed' : ''
  result.textContent = text
  if (sha256 === undefined) return
  const code = document.createElement('code')
  code.textContent = 'sha256 ' + sha256
  result.append(' ', code)
}

// XMLHttpRequest, because fetch does not say how much of a body has left.
function upload(body) {
  if (running) running.abort()
  const request = (running = new XMLHttpRequest())
  request.open('POST', new URL('upload', here))
  request.responseType = 'json'
  progress.hidden = false
  progress.value = 0
  showResult('Sending ' + size(body.size))
  request.upload.onprogress = (event) => {
    if (!event.lengthComputable || event.total === 0) return
    progress.value = event.loaded / event.total
    showResult('Sent ' + size(event.loaded) + ' of ' + size(event.total))
  }
  request.onload = () => {
    progress.hidden = true
    const answer = request.response
    if (request.status !== 200 || !answer) {
      showResult('The upload failed: the answer was ' + request.status + '.', undefined, true)
      return
    }
    const rate = answer.ms > 0 ? ', ' + size((answer.bytes / answer.ms) * 1000) + '/s' : ''
    showResult(answer.bytes + ' bytes arrived in ' + answer.ms + ' ms' + rate, answer.sha256)
  }
  request.onerror = () => {
    progress.hidden = true
    showResult('The upload failed: the connection broke off.', undefined, true)
  }
  request.send(body)
}

// Without this, choosing the same file again would change nothing.
file.onclick = () => {
  file.value = ''
}
file.onchange = () => {
  if (file.files.length === 0) return
  upload(file.files[0])
}
drop.ondragover = (event) => {
  event.preventDefault()
  drop.classList.add('over')
}
drop.ondragleave = () => drop.classList.remove('over')
drop.ondrop = (event) => {
  event.preventDefault()
  drop.classList.remove('over')
  if (event.dataTransfer.files.length > 0) upload(event.dataTransfer.files[0])
}
`
