// What people meet where a policy asks for more, where an application is closed, and where they ask for one: all of it by
// pages that work without script.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { launch } from './browser.mjs'
import { cut, look, patience, postern, reach, start, watch } from './postern.mjs'

let demo, browser, app, portal, secret, admin

before(async () => {
  demo = await start((dir) => ['demo', '--port', '0', '--data', dir],
    /Open this\s+(\S+)\s+Portal\s+(\S+)[^]*Admin center and API\s+(\S+)[^]*as\s+admin\s+password\s+(\S+)[^]*or\s+guest\s+password\s+(\S+)[^]*Ctrl-C/)
  app = demo.match[1]
  portal = demo.match[2].replace(/\/$/, '')
  admin = demo.match[4]
  secret = demo.match[5]
  browser = await launch({ ca: readFileSync(join(demo.dir, 'ca.pem'), 'utf8') })
})

after(async () => {
  await browser?.close()
  await demo?.stop()
})

const cli = (...args) => execFileSync(postern(), args, { encoding: 'utf8', env: { ...process.env,
  POSTERN_SERVER: demo.match[3].replace(/\/$/, ''), POSTERN_API_KEY_FILE: join(demo.dir, 'api-key'), POSTERN_CA_FILE: join(demo.dir, 'ca.pem') } })

async function visit(t, statuses, options = {}) {
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

async function signIn(page, name, password) {
  await page.goto(portal + '/sign-in')
  await page.locator('input[name=name]').fill(name)
  await page.locator('input[name=password]').fill(password)
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { level: 1, name: 'Your applications' }).waitFor()
}

// until opens an address again until the page has the heading: the gateway learns of a change a moment later.
async function until(page, address, heading) {
  const late = Date.now() + patience
  for (;;) {
    const is = await reach(page, address) ? await page.locator('h1').first().textContent() : 'nothing, since it was cut'
    if (is.includes(heading)) return
    assert(Date.now() < late, `${address} says ${is}, not ${heading}`)
  }
}

test('asking for an application, and answering', async (t) => {
  const [name] = JSON.parse(cli('applications', 'list', '-o', 'json')).map((a) => a.name)
  cli('applications', 'create', 'Payroll', '--external-url', app.replace('//', '//payroll-'), '--internal-url', 'http://127.0.0.1:9/', '--requestable')
  const page = await visit(t, [422], { javaScriptEnabled: true })
  await signIn(page, 'guest', secret)
  await until(page, portal + '/requests', 'Access requests')
  await look(page, 'requests-ask')
  await page.getByLabel('What you need it for').fill('The audit of this year')
  await page.getByLabel('For how long').selectOption('30 days')
  await page.getByRole('button', { name: 'Ask' }).click()
  await page.getByText('pending').waitFor()
  await look(page, 'requests-pending')

  const owner = await visit(t, [])
  await signIn(owner, 'admin', admin)
  await look(owner, 'home-waiting')
  await owner.getByRole('link', { name: /waiting for you/ }).click()
  await owner.getByText('The audit of this year').waitFor()
  await look(owner, 'requests-answer')
  await owner.getByRole('button', { name: /Approve Payroll/ }).click()
  await owner.getByText('The request is approved.').waitFor()
  await page.goto(portal + '/requests')
  await page.getByText('approved').waitFor()
  assert(name)
})

test('a closed application, and one that asks for a second factor', async (t) => {
  const page = await visit(t, [401, 403, cut]) // the demo's clock, for one, while it is read
  await signIn(page, 'admin', admin)
  cli('policies', 'create', 'Office', '--all-applications', '--everyone', '--allow-network', '192.0.2.0/24')
  await until(page, app, 'You may not use this application from here')
  await look(page, 'denied-network')
  await page.goto(portal + '/')
  await look(page, 'home-closed')
  cli('policies', 'update', 'Office', '--mode', 'off', '--strength', 'multi-factor', '--allow-network', '')
  cli('policies', 'update', 'Office', '--mode', 'enforce')
  await until(page, app, 'Sign in again')
  await look(page, 'step-up')
  await page.locator('input[name=password]').fill('not this one')
  await page.getByRole('button', { name: 'Sign in again', exact: true }).click()
  await page.getByRole('alert').filter({ hasText: 'not right' }).waitFor()
  await look(page, 'step-up-wrong')
  await page.locator('input[name=password]').fill(admin)
  await page.getByRole('button', { name: 'Sign in again', exact: true }).click()
  await page.getByRole('heading', { level: 1, name: 'Set up a second factor' }).waitFor()
})
