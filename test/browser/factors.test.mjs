// Second factors as people meet them: an authenticator app, a passkey beside the password and instead of it, recovery
// codes, a password of one's own. The passkeys are a virtual authenticator's (Chrome DevTools protocol, WebAuthn domain).
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { launch } from './browser.mjs'
import { look, patience, start, watch } from './postern.mjs'

let demo, browser, portal, guest

before(async () => {
  demo = await start((dir) => ['demo', '--port', '0', '--data', dir],
    /Open this\s+(\S+)\s+Portal\s+(\S+)[^]*as\s+admin\s+password\s+(\S+)[^]*or\s+guest\s+password\s+(\S+)[^]*Ctrl-C/)
  portal = demo.match[2].replace(/\/$/, '')
  guest = demo.match[4]
  browser = await launch({ ca: readFileSync(join(demo.dir, 'ca.pem'), 'utf8') })
})

after(async () => {
  await browser?.close()
  await demo?.stop()
})

// visit opens a browser with an authenticator of its own for one person.
async function visit(t, { statuses = [], ...options } = {}) {
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

async function authenticator(page) {
  const devtools = await page.context().newCDPSession(page)
  await devtools.send('WebAuthn.enable')
  const { authenticatorId } = await devtools.send('WebAuthn.addVirtualAuthenticator', { options: {
    protocol: 'ctap2', transport: 'internal', hasResidentKey: true, hasUserVerification: true, isUserVerified: true, automaticPresenceSimulation: true } })
  return { devtools, authenticatorId }
}

const heading = (page, name) => page.getByRole('heading', { level: 1, name }).waitFor()
const press = (page, name) => page.getByRole('button', { name, exact: true }).click()

// password shows name and password by the keyboard alone.
async function password(page, secret) {
  await page.goto(portal + '/sign-in')
  await page.locator('input[name=name]:focus').waitFor() // the browser puts the cursor there, but not at once
  await page.keyboard.type('guest')
  await page.keyboard.press('Tab')
  await page.keyboard.type(secret)
  await page.keyboard.press('Enter')
}

async function confirm(page, secret) {
  await page.goto(portal + '/account/confirm')
  await page.getByLabel('Password').fill(secret)
  await press(page, 'Confirm')
}

// totp gives the code of a seed, as an app computes it (RFC 6238).
function totp(seed, at = Date.now()) {
  const bits = [...seed].map((c) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0')).join('')
  const key = Buffer.from(bits.match(/.{8}/g).map((b) => parseInt(b, 2)))
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(Math.floor(at / 30000)))
  const sum = createHmac('sha1', key).update(counter).digest()
  return String((sum.readUInt32BE(sum[19] & 15) & 0x7fffffff) % 1e6).padStart(6, '0')
}

test('a passkey is made, used beside the password, used alone, and removed', async (t) => {
  const page = await visit(t, { statuses: [401] })
  const { devtools, authenticatorId } = await authenticator(page)
  await password(page, guest)
  await heading(page, 'Your applications')
  await page.getByRole('link', { name: 'Your account' }).click()
  await heading(page, 'Your account')
  await look(page, 'account')
  await confirm(page, guest)
  await heading(page, 'Your account')
  await look(page, 'account-confirmed')
  await press(page, 'Add a factor')
  await heading(page, 'Add a second factor')
  await look(page, 'add-factor')
  await press(page, 'Create a passkey')
  await heading(page, 'Keep your recovery codes')
  await look(page, 'recovery-codes')
  const codes = (await page.locator('#codes').textContent()).trim().split('\n')
  assert.equal(codes.length, 10)
  await page.getByRole('link', { name: 'I have kept them' }).click()
  await page.getByText('passkey, added').waitFor()

  await page.context().clearCookies()
  await password(page, guest)
  await heading(page, 'Confirm that it is you')
  await look(page, 'second-factor')
  await press(page, 'Use a passkey')
  await heading(page, 'Your applications')

  await page.context().clearCookies()
  await page.goto(portal + '/sign-in')
  await press(page, 'Use a passkey')
  await heading(page, 'Your applications')

  await page.context().clearCookies()
  await password(page, guest)
  await page.getByText('Use a recovery code').focus()
  await page.keyboard.press('Enter')
  await page.getByLabel('One of the codes').fill('aaaa-aaaa-aaaa-aaaa')
  await page.keyboard.press('Enter')
  await page.getByText('This recovery code is not right').waitFor()
  await page.getByText('Use a recovery code').click()
  await page.getByLabel('One of the codes').fill(codes[0])
  await page.keyboard.press('Enter')
  await heading(page, 'Your applications')

  await devtools.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: false })
  await page.context().clearCookies()
  await page.goto(portal + '/sign-in')
  await press(page, 'Use a passkey')
  await page.getByText('No passkey was given').waitFor() // the authenticator could not verify its user
  await devtools.send('WebAuthn.setUserVerified', { authenticatorId, isUserVerified: true })

  await page.goto(portal + '/sign-in')
  await press(page, 'Use a passkey')
  await heading(page, 'Your applications')
  await page.goto(portal + '/account/confirm')
  await press(page, 'Use a passkey')
  await heading(page, 'Your account')
  await page.getByRole('button', { name: /^Remove Passkey/ }).click()
  await page.getByText('You have none. With one').waitFor()
})

test('an authenticator app by keyboard, without script', async (t) => {
  const page = await visit(t, { javaScriptEnabled: false, statuses: [401] })
  await password(page, guest)
  await heading(page, 'Your applications')
  await confirm(page, guest)
  await press(page, 'Add a factor')
  await heading(page, 'Add a second factor')
  assert.equal(await page.getByRole('button', { name: 'Create a passkey' }).count(), 0, 'a button that does nothing without script')
  const seed = await page.locator('#seed').textContent()
  const first = totp(seed)
  await page.getByLabel('six digits').fill(first)
  await page.keyboard.press('Enter')
  await heading(page, 'Keep your recovery codes')
  await page.getByRole('link', { name: 'I have kept them' }).click()
  await page.getByText('authenticator app, added').waitFor()

  await page.context().clearCookies()
  await password(page, guest)
  await heading(page, 'Confirm that it is you')
  await page.locator('input:focus').waitFor()
  await page.keyboard.type(first) // the one with which it was added
  await page.keyboard.press('Enter')
  await page.getByRole('alert').filter({ hasText: 'used before' }).waitFor()
  await page.locator('input:focus').waitFor()
  await page.keyboard.type(totp(seed, Date.now() + 30000)) // the next one, from a clock half a minute ahead
  await page.keyboard.press('Enter')
  await heading(page, 'Your applications')
})
