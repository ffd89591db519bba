// The pages that people see, with the brand of an organisation and without script: each can be read and used, in light and dark, on a
// wide screen and a telephone.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { demo, signIn, until } from './center.mjs'
import { cut, look, patience, postern, reach, watch } from './postern.mjs'

const logo = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 120 40"><rect width="40" height="40" rx="8" fill="#7a1f3d"/><path d="M50 10h60v6H50zm0 14h44v6H50z" fill="#b0527a"/></svg>'
let system

before(async () => {
  system = await demo()
  const context = await system.browser.newContext({ locale: 'en-US' })
  context.setDefaultTimeout(patience)
  const page = await context.newPage()
  await page.goto(system.admin + '/settings/branding')
  await signIn(page, 'admin', system.adminPassword)
  await page.locator('#content h1').first().waitFor()
  await page.getByRole('textbox', { name: 'Name', exact: true }).fill('Example Organisation of the North')
  await page.getByRole('textbox', { name: 'Colour', exact: true }).fill('#7a1f3d')
  await page.getByRole('group', { name: 'Logo' }).locator('input[type=file]').setInputFiles({ name: 'logo.svg', mimeType: 'image/svg+xml', buffer: Buffer.from(logo) })
  await page.getByRole('figure', { name: 'A light page' }).locator('img').waitFor() // it is read
  await page.getByRole('button', { name: 'Save', exact: true }).click()
  await page.getByText('The pages look so now.').first().waitFor()
  await context.close()
})
after(async () => { await system?.stop() })

const heading = (page, name) => page.getByRole('heading', { level: 1, name }).waitFor()
const press = (page, name) => page.getByRole('button', { name, exact: true }).click()

// visit opens a browser that runs no script.
async function visit(t, statuses) {
  const context = await system.browser.newContext({ javaScriptEnabled: false, locale: 'en-US' })
  context.setDefaultTimeout(patience)
  const page = await context.newPage()
  const complaints = watch(page, statuses)
  t.after(async () => {
    await context.close()
    assert.deepEqual(complaints, [], 'the browser complained')
  })
  return page
}

// seen holds that a page carries the brand, is whole without another request, and looks as it should.
async function seen(page, name) {
  await page.locator('header').getByText('Example Organisation of the North').waitFor()
  assert.match(await page.locator('header img').getAttribute('src'), /^data:image\/svg\+xml;base64,/)
  await look(page, `branded-${name}`, { script: false })
}

test('signing in, the applications, an error, signed out', async (t) => {
  const page = await visit(t, [401, 403, 404])
  await page.goto(system.notes)
  await heading(page, 'Sign in')
  await seen(page, 'sign-in')
  await signIn(page, 'admin', 'wrong')
  await page.getByRole('alert').waitFor()
  await seen(page, 'sign-in-wrong')
  await signIn(page, 'admin', system.adminPassword)
  await heading(page, 'Notes') // the application itself: nothing of ours is on it
  await page.goto(system.portal)
  await heading(page, 'Your applications')
  await page.getByRole('link', { name: /Notes/ }).waitFor()
  await seen(page, 'applications')
  await page.goto(`${system.portal}/account`)
  await page.locator('h1').waitFor()
  await seen(page, 'account')
  await page.goto(`${system.portal}/nothing`)
  await page.getByText('Reference', { exact: false }).waitFor()
  await seen(page, 'not-found')
  await page.goto(`${new URL(system.notes).origin}/.postern/nothing`)
  await seen(page, 'not-found-application')
  await page.goto(system.portal)
  await press(page, 'Sign out')
  await heading(page, 'You are signed out')
  await seen(page, 'signed-out')
})

test('who may not open an application, and who is to prove more', async (t) => {
  const page = await visit(t, [401, 403])
  await page.goto(system.notes)
  await signIn(page, 'guest', system.guestPassword)
  await heading(page, 'You may not use this application')
  await seen(page, 'denied')
  await page.goto(`${system.portal}/sign-out`)
  await press(page, 'Sign out')
  system.cli('policies', 'create', 'Strong', '--all-applications', '--everyone', '--strength', 'multi-factor')
  t.after(() => system.cli('policies', 'delete', 'Strong', '--yes'))
  const other = await visit(t, [401, 403, cut])
  await other.goto(system.portal)
  await signIn(other, 'admin', system.adminPassword)
  await heading(other, 'Your applications')
  await until('the policy is in force', async () => await reach(other, system.notes) && (await other.locator('h1').textContent()).includes('Sign in again'))
  await seen(other, 'step-up')
  await other.locator('input[name=password]').fill(system.adminPassword)
  await press(other, 'Sign in again')
  await heading(other, 'Set up a second factor')
  assert.equal(await other.getByText('With a passkey').isVisible(), false, 'what cannot be used here is not offered')
  assert.match(await other.content(), /<noscript>.*Passkeys need JavaScript/) // Chromium draws no noscript when script is switched off from outside
  await seen(other, 'second-factor')
})

test('a program asks: by a code, and in the browser', async (t) => {
  const page = await visit(t, [401])
  const home = mkdtempSync(join(tmpdir(), 'postern-branded-'))
  const running = []
  t.after(() => {
    for (const one of running) one.kill('SIGKILL')
    rmSync(home, { recursive: true, force: true })
  })
  const login = (ready, ...args) => new Promise((resolve, reject) => {
    const child = spawn(postern(), ['login', system.admin, ...args], { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, HOME: home, XDG_CONFIG_HOME: home, DISPLAY: '', WAYLAND_DISPLAY: '', POSTERN_CA_FILE: join(system.dir, 'ca.pem') } })
    running.push(child)
    let printed = ''
    child.stderr.on('data', (text) => {
      printed += text
      const found = ready.exec(printed)
      if (found) resolve(found)
    })
    child.on('exit', () => reject(new Error(`postern login ended: ${printed}`)))
  })
  const [, code, address] = await login(/type this code:\s+(\S{4}-\S{4})\s+or open (\S+)/, '--device')
  await page.goto(`${system.portal}/device`)
  await signIn(page, 'guest', system.guestPassword)
  await heading(page, 'Sign in a program')
  await seen(page, 'device')
  await page.goto(address)
  await press(page, 'Go on')
  await heading(page, 'Sign in a program?')
  await page.getByText(code).waitFor()
  await seen(page, 'device-ask')
  await press(page, 'Sign it in')
  await page.getByRole('status').waitFor()
  await seen(page, 'device-done')

  const [, consent] = await login(/^\s+(https:\S+oauth\/authorize\S+)$/m)
  await page.goto(consent)
  await page.getByRole('button', { name: 'Sign it in', exact: true }).waitFor()
  await seen(page, 'consent')
})
