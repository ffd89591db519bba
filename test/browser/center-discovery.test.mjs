// What Quick Access carried, in the admin center: destinations that a real client went to become applications.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { demo, open, row, see, signIn, until, visit } from './center.mjs'
import { patience, postern } from './postern.mjs'

let system, state
const running = []
const servers = []

before(async () => {
  system = await demo()
  state = mkdtempSync(join(tmpdir(), 'postern-client-'))
})
after(async () => {
  for (const program of running) program.kill('SIGTERM')
  for (const server of servers) server.close()
  await system?.stop()
  rmSync(state, { recursive: true, force: true })
})

// client starts postern-client and waits for what it says.
function client(pattern, ...args) {
  const program = spawn(postern() + '-client', [...args, '--state', state])
  running.push(program)
  let text = ''
  return new Promise((resolve, reject) => {
    program.once('exit', (code) => reject(new Error(`postern-client ${args[0]} ended with ${code}: ${text}`)))
    program.stderr.on('data', (part) => {
      const found = pattern.exec(text += part)
      if (found) resolve({ program, found, ended: new Promise((done) => program.once('exit', done)) })
    })
  })
}

// backend answers each connection with a word.
const backend = () => new Promise((resolve) => {
  const server = createServer((socket) => socket.end('hello')).listen(0, '127.0.0.1', () => resolve(server.address().port))
  servers.push(server)
})

// reach goes to a port of loopback by a SOCKS proxy.
const reach = (proxy, port) => new Promise((resolve, reject) => {
  const socket = connect(proxy, '127.0.0.1', () => socket.write(Buffer.from([5, 1, 0])))
  let got = Buffer.alloc(0)
  socket.once('data', () => socket.write(Buffer.from([5, 1, 0, 1, 127, 0, 0, 1, port >> 8, port & 255])))
  socket.on('data', (part) => { got = Buffer.concat([got, part]) })
  socket.on('end', () => { socket.end(); resolve(got.toString('latin1')) })
  socket.on('error', reject)
  socket.setTimeout(patience, () => socket.destroy(new Error('nobody answers')))
})

test('destinations that Quick Access carried become applications', async (t) => {
  const ports = [await backend(), await backend()]
  system.cli('applications', 'create', 'Quick', '--kind', 'quick-access', '--segment', '127.0.0.1:1-65535')
  system.cli('assignments', 'create', '--application', 'Quick', '--user', 'guest')
  const theirs = await visit(t, system)
  await theirs.goto(`${system.portal}/sign-in`)
  await signIn(theirs, 'guest', system.guestPassword)
  await theirs.getByRole('heading', { level: 1, name: 'Your applications' }).waitFor()
  const login = await client(/or open (\S+)/, 'login', system.portal, '--device-code', '--ca-file', join(system.dir, 'ca.pem'))
  await theirs.goto(login.found[1])
  await theirs.getByRole('button', { name: 'Go on' }).click()
  await theirs.getByRole('button', { name: 'Sign it in' }).click()
  assert.equal(await login.ended, 0)
  const up = await client(/proxy listening.*?127\.0\.0\.1:(\d+)/, 'up', '--socks', '127.0.0.1:0')
  for (const port of ports) await until('the flow', async () => (await reach(Number(up.found[1]), port).catch(() => '')).endsWith('hello'))

  const page = await visit(t, system)
  await open(page, system, '/applications')
  await page.getByRole('button', { name: 'Discovery', exact: true }).click()
  await page.getByRole('heading', { level: 1, name: 'Discovery' }).waitFor()
  await see(page, 'discovery-empty')
  const [one, two] = ports.map((port) => `127.0.0.1:${port}/tcp`)
  await until('the discovery', () => system.json('discovery', 'list').length === 2) // a minute at most
  await page.reload()
  await row(page, one).getByText('one user', { exact: true }).waitFor()
  await page.getByRole('button', { name: `Details of ${one}` }).click()
  await page.getByRole('link', { name: 'In the traffic log' }).waitFor()
  await see(page, 'discovery')

  await page.getByRole('checkbox', { name: one }).check()
  await page.getByRole('button', { name: 'New private application' }).click()
  await page.getByRole('textbox', { name: /^Name/ }).fill('Found')
  await page.getByRole('button', { name: 'Look for conflicts' }).click()
  await page.getByText(`Quick by 127.0.0.1:1-65535`, { exact: false }).first().waitFor()
  await see(page, 'discovery-new')
  await page.getByRole('button', { name: 'Publish', exact: true }).click()
  await page.getByRole('heading', { level: 1, name: 'Found' }).waitFor()
  assert.deepEqual(system.json('applications', 'show', 'Found').segments, [{ destination: '127.0.0.1', ports: String(ports[0]), protocol: 'tcp' }])

  await page.goto(`${system.admin}/applications/discovery`)
  await row(page, one).getByText('(by now)', { exact: false }).waitFor()
  await page.getByRole('checkbox', { name: two }).check()
  await page.getByRole('button', { name: 'Add to an application' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByRole('combobox', { name: 'Application' }).selectOption({ label: 'Found' })
  await dialog.getByText(`Found by ${two}`, { exact: false }).first().waitFor()
  await see(page, 'discovery-add')
  await dialog.getByRole('button', { name: 'Add', exact: true }).click()
  await row(page, two).getByText('(by now)', { exact: false }).waitFor()
  assert.equal(system.json('applications', 'show', 'Found').segments.length, 2)
  await page.getByRole('combobox', { name: 'Belongs to' }).selectOption('false')
  await page.getByText('Nothing matches these filters.').waitFor()
})
