// How people sign in the command line and other programs, and look after their account: everything by the keyboard alone.
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { get } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { launch } from './browser.mjs'
import { look, patience, postern, start, watch } from './postern.mjs'

let demo, browser, program, app, portal, adminURL, admin, guest

before(async () => {
  demo = await start((dir) => ['demo', '--port', '0', '--data', dir],
    /Open this\s+(\S+)\s+Portal\s+(\S+)[^]*Admin center and API\s+(\S+)[^]*as\s+admin\s+password\s+(\S+)[^]*or\s+guest\s+password\s+(\S+)[^]*Ctrl-C/)
  ;[app, portal, adminURL] = demo.match.slice(1, 4).map((url) => url.replace(/\/$/, ''))
  ;[admin, guest] = demo.match.slice(4)
  program = postern()
  browser = await launch({ ca: readFileSync(join(demo.dir, 'ca.pem'), 'utf8') })
})

after(async () => {
  await browser?.close()
  await demo?.stop()
})

async function visit(t, statuses = [], options = {}) {
  const context = await browser.newContext(options)
  context.setDefaultTimeout(patience)
  const page = await context.newPage()
  const complaints = watch(page, statuses)
  t.after(async () => {
    await context.close()
    assert.deepEqual(complaints, [], 'the browser complained')
  })
  return page
}

const heading = (page, name) => page.getByRole('heading', { level: 1, name }).waitFor()

// tabTo goes on with the Tab key until the element has the focus, and checks that one sees where it is.
async function tabTo(page, locator, key = 'Tab') {
  const wanted = await locator.elementHandle()
  for (let presses = 0; presses < 60; presses++) {
    if (await wanted.evaluate((e) => e === document.activeElement)) {
      const seen = await wanted.evaluate((e) => {
        const style = getComputedStyle(e)
        return (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0) || style.boxShadow !== 'none'
      })
      assert.ok(seen, `nobody sees that the focus is on ${await wanted.evaluate((e) => e.outerHTML)}`)
      return
    }
    await page.keyboard.press(key)
  }
  assert.fail(`the Tab key does not lead to ${await wanted.evaluate((e) => e.outerHTML)}`)
}

// press and open are what Enter does on a button and on a link; type, what typing does in a field.
const press = async (page, name) => (await tabTo(page, page.getByRole('button', { name, exact: true })), page.keyboard.press('Enter'))
const open = async (page, name) => (await tabTo(page, page.getByRole('link', { name, exact: true })), page.keyboard.press('Enter'))

async function type(page, label, text) {
  await tabTo(page, page.getByLabel(label, { exact: true }))
  await page.keyboard.press('Control+A')
  await page.keyboard.type(text)
}

async function signIn(page, name, password) {
  await heading(page, 'Sign in')
  await type(page, 'Name', name)
  await type(page, 'Password', password)
  await page.keyboard.press('Enter')
}

async function confirm(page, password) {
  await heading(page, 'Confirm that it is you')
  await type(page, 'Password', password)
  await page.keyboard.press('Enter')
}

// totp gives the code of a seed, as an app computes it (RFC 6238).
function totp(seed, at) {
  const bits = [...seed].map((c) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0')).join('')
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(Math.floor(at / 30000)))
  const sum = createHmac('sha1', Buffer.from(bits.match(/.{8}/g).map((b) => parseInt(b, 2)))).update(counter).digest()
  return String((sum.readUInt32BE(sum[19] & 15) & 0x7fffffff) % 1e6).padStart(6, '0')
}

// desk is somebody's machine: a home of its own, and the command line in it.
function desk(t) {
  const home = mkdtempSync(join(tmpdir(), 'postern-desk-'))
  const env = { ...process.env, HOME: home, XDG_CONFIG_HOME: home, DISPLAY: '', WAYLAND_DISPLAY: '', POSTERN_CA_FILE: join(demo.dir, 'ca.pem') }
  const running = new Set()
  t.after(async () => {
    for (const one of running) one.kill('SIGKILL')
    rmSync(home, { recursive: true, force: true })
  })
  // login begins a sign-in; its result has what it printed that matches, and how it ended.
  const login = async (ready, ...args) => {
    const child = spawn(program, ['login', adminURL, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] })
    running.add(child)
    let printed = ''
    const ended = new Promise((resolve) => child.on('close', (code) => (running.delete(child), resolve({ code, printed }))))
    const match = await new Promise((resolve, reject) => {
      child.stderr.on('data', (text) => {
        printed += text
        const found = ready.exec(printed)
        if (found) resolve(found)
      })
      ended.then(() => reject(new Error(`postern login ended: ${printed}`)))
    })
    return { match, ended }
  }
  return { login, run: (...args) => execFileSync(program, args, { env, encoding: 'utf8' }) }
}

// status asks the application as a program does that has a key; such a name leads to this machine, but Node does not know it.
function status(secret) {
  const { hostname, port, host } = new URL(app)
  return new Promise((resolve, reject) => {
    get({ host: '127.0.0.1', port, servername: hostname, path: '/', ca: readFileSync(join(demo.dir, 'ca.pem')), agent: false,
      headers: { Host: host, Authorization: 'Bearer ' + secret } }, (answer) => (answer.resume(), resolve(answer.statusCode))).on('error', reject)
  })
}

const address = /^\s+(https:\S+oauth\/authorize\S+)$/m
const code = /type this code:\s+(\S{4}-\S{4})\s+or open (\S+)/

test('the command line signs in by the browser, with a second factor', async (t) => {
  const page = await visit(t, [401])
  const { login, run } = desk(t)
  const first = await login(address)
  await page.goto(first.match[1])
  await signIn(page, 'admin', admin)
  await heading(page, 'Sign in a program?')
  await page.getByText('Go on only if you started this yourself').waitFor()
  await page.getByText('administer Postern with your roles').waitFor()
  await look(page, 'program')
  await press(page, 'No, I did not start this')
  await page.getByText('You are not signed in').waitFor()
  const no = await first.ended
  assert.notEqual(no.code, 0)
  assert.match(no.printed, /refused in the browser/)

  // From now on the account has an authenticator app.
  await page.goto(portal)
  await open(page, 'Your account')
  await press(page, 'Confirm')
  await confirm(page, admin)
  await press(page, 'Add a factor')
  await heading(page, 'Add a second factor')
  const seed = await page.locator('#seed').textContent()
  const now = Date.now()
  await tabTo(page, page.getByLabel('six digits'))
  await page.keyboard.type(totp(seed, now))
  await page.keyboard.press('Enter')
  await heading(page, 'Keep your recovery codes')
  const spare = (await page.locator('#codes').textContent()).trim().split('\n')
  await open(page, 'I have kept them')
  await page.getByText('authenticator app, added').waitFor()

  await page.context().clearCookies()
  const second = await login(address)
  await page.goto(second.match[1])
  await signIn(page, 'admin', admin)
  await heading(page, 'Confirm that it is you')
  await tabTo(page, page.getByLabel('six digits'))
  await page.keyboard.type(totp(seed, Math.max(now + 30000, Date.now()))) // a later one than that with which it was added
  await page.keyboard.press('Enter')
  await heading(page, 'Sign in a program?')
  await press(page, 'Sign it in')
  await page.getByText('You are signed in.').waitFor()
  const yes = await second.ended
  assert.equal(yes.code, 0, yes.printed)
  assert.match(run('whoami'), /admin/)

  // Recovery: a code instead of the app, and new ones.
  await page.context().clearCookies()
  await page.goto(portal)
  await signIn(page, 'admin', admin)
  await heading(page, 'Confirm that it is you')
  await tabTo(page, page.locator('summary', { hasText: 'Use a recovery code' }))
  await page.keyboard.press('Space')
  await tabTo(page, page.getByLabel('One of the codes'))
  await page.keyboard.type(spare[0])
  await page.keyboard.press('Enter')
  await heading(page, 'Your applications')
  await open(page, 'Your account')
  await page.getByText('9 recovery codes left').waitFor()

  // The program is among the sessions, and ends there.
  await page.getByText('Command line on').waitFor()
  await look(page, 'account-sessions')
  await tabTo(page, page.locator('li', { hasText: 'Command line on' }).getByRole('button'))
  await page.keyboard.press('Space')
  await page.getByText('Command line on').waitFor({ state: 'detached' })
  assert.throws(() => run('whoami'), /sign in again|not signed in|signed out/)
})

test('the command line signs in by a code', async (t) => {
  const page = await visit(t, [401, 404])
  const { login, run } = desk(t)
  const one = await login(code, '--device')
  await page.goto(portal + '/device')
  await signIn(page, 'guest', guest)
  await heading(page, 'Sign in a program')
  await look(page, 'device')
  await page.locator('input[name=user_code]:focus').waitFor()
  await page.keyboard.type('BCDF-GHJK')
  await page.keyboard.press('Enter')
  await page.getByRole('alert').filter({ hasText: 'not known' }).waitFor()
  await look(page, 'device-wrong')
  await type(page, 'Code', one.match[1].toLowerCase().replace('-', ' '))
  await page.keyboard.press('Enter')
  await heading(page, 'Sign in a program?')
  await page.getByText(one.match[1]).waitFor() // the same code stands on both screens
  await page.getByText('may be after your account').waitFor()
  await page.getByText('asks from 127.0.0.1').waitFor()
  await look(page, 'device-ask')
  await press(page, 'No, I did not start this')
  await page.getByRole('status').filter({ hasText: 'was refused' }).waitFor()
  await look(page, 'device-refused')
  const no = await one.ended
  assert.notEqual(no.code, 0)
  assert.match(no.printed, /refused/)

  const two = await login(code, '--device')
  await page.goto(two.match[2]) // the link fills in the code, and asks all the same
  assert.equal(await page.getByLabel('Code').inputValue(), two.match[1])
  await press(page, 'Go on')
  await press(page, 'Sign it in')
  await page.getByRole('status').filter({ hasText: 'signed in within a few seconds' }).waitFor()
  await look(page, 'device-done')
  const yes = await two.ended
  assert.equal(yes.code, 0, yes.printed)
  assert.match(run('whoami'), /guest/)

  await page.goto(two.match[2]) // used
  await press(page, 'Go on')
  await page.getByRole('alert').filter({ hasText: 'used already' }).waitFor()
})

test('an access key is made, shown once and deleted; sessions end', async (t) => {
  const page = await visit(t, [401])
  const key = { POSTERN_SERVER: adminURL, POSTERN_API_KEY_FILE: join(demo.dir, 'api-key'), POSTERN_CA_FILE: join(demo.dir, 'ca.pem') }
  execFileSync(program, ['applications', 'update', 'Notes', '--access-keys=true'], { env: { ...process.env, ...key } })
  execFileSync(program, ['assignments', 'create', '--application', 'Notes', '--user', 'guest'], { env: { ...process.env, ...key } })
  await page.goto(portal)
  await signIn(page, 'guest', guest)
  await heading(page, 'Your applications')
  await open(page, 'Your account')
  await open(page, 'Access keys for your programs')
  await page.getByText('To make one, confirm first', { exact: false }).waitFor()
  await press(page, 'Confirm')
  await confirm(page, guest)
  await heading(page, 'Your account')
  await open(page, 'Access keys for your programs')
  await type(page, 'What it is for', 'Backup of my notes')
  await tabTo(page, page.getByLabel('Application'))
  await look(page, 'keys')
  await press(page, 'Make the key')
  const secret = (await page.locator('#secret').textContent()).trim()
  assert.match(secret, /^postern-access-1\./)
  await look(page, 'keys-made')
  assert.equal(await status(secret), 200)
  await page.goto(portal + '/account/keys')
  assert.equal(await page.getByText(secret).count(), 0, 'the key is shown again')
  await tabTo(page, page.getByRole('button', { name: /^Delete Backup of my notes/ }))
  await page.keyboard.press('Space')
  await page.getByText('You have none.').waitFor()
  for (const late = Date.now() + patience; (await status(secret).catch(() => 0)) !== 401;) assert.ok(Date.now() < late, 'the key still opens the application')

  const other = await visit(t, [401])
  await other.goto(portal)
  await signIn(other, 'guest', guest)
  await heading(other, 'Your applications')
  await page.goto(portal + '/account')
  const elsewhere = page.locator('li', { hasText: 'UTC' }).filter({ hasNotText: '(this one)' })
  while (await elsewhere.count()) {
    const before = await elsewhere.count()
    await tabTo(page, elsewhere.first().getByRole('button'))
    await page.keyboard.press('Enter')
    await page.waitForFunction((n) => document.querySelectorAll('form[action="/account/sessions/end"]').length === n, before)
  }
  await other.goto(portal)
  await heading(other, 'Sign in')
})

test('a passkey as the only factor, by keyboard', async (t) => {
  const page = await visit(t, [401])
  const devtools = await page.context().newCDPSession(page)
  await devtools.send('WebAuthn.enable')
  await devtools.send('WebAuthn.addVirtualAuthenticator', { options: {
    protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true } })
  await page.goto(portal)
  await signIn(page, 'guest', guest)
  await heading(page, 'Your applications')
  await open(page, 'Your account')
  await press(page, 'Confirm')
  await confirm(page, guest)
  await press(page, 'Add a factor')
  await press(page, 'Create a passkey')
  await heading(page, 'Keep your recovery codes')
  await open(page, 'I have kept them')
  await page.getByText('passkey, added').waitFor()

  await page.context().clearCookies()
  await page.goto(portal)
  await press(page, 'Use a passkey')
  await heading(page, 'Your applications')
  await press(page, 'Sign out')
  await heading(page, 'You are signed out')
})
