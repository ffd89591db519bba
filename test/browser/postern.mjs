// The built programs as a person starts them, and a careful look at the pages they serve.
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../../', import.meta.url))
const screenshots = join(root, '.cache', 'screenshots')
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

// Patience with what must happen, in milliseconds. It is generous: machines are slow at times.
export const patience = 60_000

// build makes the programs and returns their directory; POSTERN_BIN names one where they are already.
function build() {
  if (process.env.POSTERN_BIN) return process.env.POSTERN_BIN
  const dir = join(root, '.cache', 'browser', String(process.pid))
  mkdirSync(dir, { recursive: true })
  process.on('exit', () => rmSync(dir, { recursive: true, force: true }))
  execFileSync('go', ['build', '-o', dir + '/', './cmd/...'], { cwd: root, env: { ...process.env, CGO_ENABLED: '0' } })
  return dir
}

// postern gives the program, for commands beside what start runs.
export const postern = () => join(build(), 'postern')

// start runs postern with arguments in a new directory and waits until it has printed what ready matches. Its result has
// the match, the directory, the process's id, and stop(), which ends it as Ctrl-C does.
export async function start(args, ready) {
  const dir = mkdtempSync(join(tmpdir(), 'postern-browser-'))
  const program = spawn(join(build(), 'postern'), args(dir), { stdio: ['ignore', 'pipe', 'pipe'] })
  let printed = ''
  const ended = new Promise((resolve) => program.on('exit', resolve))
  const said = new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`postern did not get ready: ${printed}`)), 2 * patience)
    const hear = (text) => {
      printed += text
      const match = ready.exec(printed)
      if (match) clearTimeout(late), resolve(match)
    }
    program.stdout.on('data', hear)
    program.stderr.on('data', hear)
    ended.then(() => (clearTimeout(late), reject(new Error(`postern ended: ${printed}`))))
  })
  const stop = async () => {
    program.kill('SIGINT')
    const hard = setTimeout(() => program.kill('SIGKILL'), patience)
    await ended
    clearTimeout(hard)
    rmSync(dir, { recursive: true, force: true })
  }
  try {
    return { match: await said, dir, pid: program.pid, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

// freeze stops the connector of a demo, for good when this returns: the signal waits for one of the program's threads, and the others work until
// then. Its result lets it go on.
export async function freeze(demo) {
  const [pid] = execFileSync('pgrep', ['-P', String(demo.pid)], { encoding: 'utf8' }).trim().split('\n').map(Number)
  const threads = `/proc/${pid}/task`
  const stopped = () => {
    try {
      return readdirSync(threads).every((id) => /\) [Tt] /.test(readFileSync(`${threads}/${id}/stat`, 'utf8')))
    } catch {
      return false // a thread ended meanwhile
    }
  }
  process.kill(pid, 'SIGSTOP')
  for (const late = Date.now() + patience; !stopped();) {
    assert.ok(Date.now() < late, 'the connector does not stop')
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  return () => process.kill(pid, 'SIGCONT')
}

// freePort gives a port that is free now, and that nobody is given by chance: the kernel chooses above these.
export async function freePort() {
  for (;;) {
    const port = randomInt(20_000, 32_000)
    const server = createServer()
    const free = await new Promise((resolve) => server.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true)))
    if (!free) continue
    await new Promise((resolve) => server.close(resolve))
    return port
  }
}

// watch collects what a browser complains about on a page: errors on the console, exceptions, refused styles or scripts.
// Answers with the statuses are expected, or requests that end with such an error, and so is what the console says of them.
export function watch(page, failures = []) {
  const complaints = []
  const expected = new RegExp(`^Failed to load resource: .*(${failures.join('|') || 'none'})`)
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type()) && !expected.test(message.text())) complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(String(error)))
  return complaints
}

// cut is how a browser calls an answer that did not come to its end. One that is under way when a right ends is cut, and that is meant.
export const cut = 'net::ERR_HTTP2_PROTOCOL_ERROR'

// reach opens an address while rights change, and gives the answer; null: it was cut.
export const reach = (page, address) => page.goto(address).catch((error) => {
  if (!error.message.includes(cut)) throw error
  return null
})

const wide = { width: 1024, height: 768 }
const narrow = { width: 360, height: 740 }

// look takes screenshots of the page in light, in dark and on a telephone, and checks that people can use it: no rule of
// accessibility is broken, nothing sticks out, and, on pages of ours, the style is in force. The rules need script to look.
export async function look(page, name, { ours = true, script = true } = {}) {
  mkdirSync(screenshots, { recursive: true })
  const looks = [['light', 'light', wide], ['dark', 'dark', wide], ['narrow', 'light', narrow], ['narrow-dark', 'dark', narrow]]
  for (const [look, colorScheme, viewport] of looks) {
    await page.emulateMedia({ colorScheme })
    await page.setViewportSize(viewport)
    await page.screenshot({ path: join(screenshots, `${name}-${look}.png`), fullPage: true })
    const out = await page.evaluate(stickingOut)
    assert.deepEqual(out, [], `${name}, ${look}: cut off or sticking out`)
    if (script) assert.deepEqual(await violations(page), [], `${name}, ${look}: accessibility`)
  }
  if (ours) assert.equal(await page.evaluate(() => getComputedStyle(document.querySelector('main')).borderRadius), '8px', `${name}: style`)
  await page.emulateMedia({ colorScheme: 'light' })
  await page.setViewportSize(wide)
}

// stickingOut lists elements that do not fit into the page's width or whose text does not fit into them.
function stickingOut() {
  const width = document.documentElement.clientWidth
  return [...document.querySelectorAll('body, body *')]
    .filter((e) => !e.closest('svg') && (e.getBoundingClientRect().right > width + 1 || e.getBoundingClientRect().left < -1 ||
      (e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0 && getComputedStyle(e).display !== 'inline' && e.tagName !== 'INPUT')))
    .map((e) => `${e.tagName.toLowerCase()}: ${e.textContent.trim().slice(0, 60)}`)
}

async function violations(page) {
  await page.evaluate(axe)
  const result = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }))
  return result.violations.map((v) => `${v.id}: ${v.help}: ${v.nodes.map((n) => n.html).join(' ')}`)
}
