// A person and the demo: sign-in, the private application, refusals, sign-out, a connector that hangs.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { launch } from './browser.mjs'
import { freeze, look, patience, reach, start, watch } from './postern.mjs'

let demo, browser, notes, portal, admin, guest

before(async () => {
  demo = await start((dir) => ['demo', '--port', '0', '--data', dir],
    /Open this\s+(\S+)\s+Portal\s+(\S+)[^]*as\s+admin\s+password\s+(\S+)[^]*or\s+guest\s+password\s+(\S+)[^]*Ctrl-C/)
  ;[, notes, portal, admin, guest] = demo.match
  browser = await launch({ ca: readFileSync(join(demo.dir, 'ca.pem'), 'utf8') })
})

after(async () => {
  await browser?.close()
  await demo?.stop()
})

// visit opens a browser of its own for one person; whatever it complains about fails the test at its end.
// Statuses are answers that are meant; with broken, streams may end before their end.
async function visit(t, { statuses = [], broken = false, ...options } = {}) {
  const context = await browser.newContext(options)
  context.setDefaultTimeout(patience)
  const page = await context.newPage()
  const complaints = watch(page, [...statuses, ...(broken ? ['net::ERR_HTTP2_PROTOCOL_ERROR'] : [])])
  t.after(async () => {
    await context.close()
    assert.deepEqual(complaints, [], 'the browser complained')
  })
  return page
}

// signIn fills in the form that the page shows.
async function signIn(page, name, password) {
  await page.getByLabel('Name').fill(name)
  await page.getByLabel('Password').fill(password)
  await page.getByRole('button', { name: 'Sign in', exact: true }).click()
}

const heading = (page, name) => page.getByRole('heading', { level: 1, name }).waitFor()

test('somebody opens the private application', async (t) => {
  const page = await visit(t, { statuses: [401] })
  await page.goto(notes)
  assert.ok(page.url().startsWith(portal), page.url())
  await heading(page, 'Sign in')
  await page.getByText('to open Notes').waitFor()
  await look(page, 'sign-in')

  await signIn(page, 'admin', 'not the password')
  await page.getByRole('alert').waitFor()
  assert.match(await page.getByRole('alert').textContent(), /name or password|password/i)
  assert.equal(await page.getByLabel('Name').inputValue(), 'admin')
  assert.equal(await page.getByLabel('Password').inputValue(), '')
  await look(page, 'sign-in-wrong')

  await page.getByLabel('Password').fill(admin)
  await page.getByRole('button', { name: 'Sign in', exact: true }).click()
  await heading(page, 'Notes')
  assert.equal(page.url(), notes)

  const clock = page.locator('#clock')
  await page.waitForFunction(() => /^\d\d:\d\d:\d\d$/.test(document.querySelector('#clock').textContent))
  const first = await clock.textContent()
  await page.waitForFunction((first) => document.querySelector('#clock').textContent !== first, first)

  await page.getByLabel('A note').fill('seen <through> the tunnel & back')
  await page.getByRole('button', { name: 'Add' }).click()
  await page.getByRole('listitem').filter({ hasText: 'seen <through> the tunnel & back' }).waitFor()
  assert.equal(page.url(), notes)
  await look(page, 'notes', { ours: false })
})

test('somebody without a right is told so, and as whom he is signed in', async (t) => {
  const page = await visit(t, { statuses: [403] })
  await page.goto(notes)
  await signIn(page, 'guest', guest)
  await heading(page, 'You may not use this application')
  const text = await page.getByRole('main').textContent()
  assert.match(text, /signed in as guest/i)
  assert.match(text, /Reference \w+/)
  await look(page, 'not-allowed')
  await page.getByRole('link', { name: 'To your applications' }).click()
  await heading(page, 'Your applications')
  await page.getByText('No application is assigned to you').waitFor()
  await look(page, 'portal-empty')
})

test('signing out at the portal ends the session at the application', async (t) => {
  const page = await visit(t, { statuses: [404] })
  await page.goto(portal)
  await signIn(page, 'admin', admin)
  await heading(page, 'Your applications')
  await look(page, 'portal')
  await page.getByRole('link', { name: 'Notes' }).click()
  await heading(page, 'Notes')

  await page.goto(new URL('sign-out', portal).href)
  await heading(page, 'Sign out')
  await look(page, 'sign-out')
  await page.getByRole('button', { name: 'Sign out' }).click()
  await heading(page, 'You are signed out')
  await look(page, 'signed-out')

  await page.goto(notes)
  await heading(page, 'Sign in')
  await page.goBack()
  await page.goto(new URL('no-such-page', portal).href)
  await heading(page, 'Not found')
  await look(page, 'not-found')
})

test('the keyboard is enough', async (t) => {
  const page = await visit(t)
  await page.goto(notes)
  await heading(page, 'Sign in')
  await page.locator('input[name=name]:focus').waitFor()
  await page.keyboard.type('admin')
  await page.keyboard.press('Tab')
  await page.keyboard.type(admin)
  await page.keyboard.press('Enter')
  await heading(page, 'Notes')
  await page.goto(portal)
  for (let on = ''; !on.startsWith('Notes'); ) {
    await page.keyboard.press('Tab')
    const focused = page.locator(':focus')
    on = (await focused.innerText()).replace(/^N\s+/, '') // without the tile's letter
    assert.notEqual(await focused.evaluate((e) => getComputedStyle(e).outlineStyle), 'none', `${on}: the focus is not seen`)
  }
  await page.keyboard.press('Enter')
  await heading(page, 'Notes')
})

test('without script everything works but the clock', async (t) => {
  const page = await visit(t, { statuses: [401], javaScriptEnabled: false })
  await page.goto(notes)
  await signIn(page, 'admin', 'wrong')
  await page.getByRole('alert').waitFor()
  await signIn(page, 'admin', admin)
  await heading(page, 'Notes')
  await page.getByLabel('A note').fill('no script')
  await page.getByRole('button', { name: 'Add' }).click()
  await page.getByRole('listitem').filter({ hasText: 'no script' }).waitFor()
  assert.equal(await page.locator('#clock').textContent(), '…')
  await page.goto(portal)
  await page.getByRole('button', { name: 'Sign out' }).click()
  await heading(page, 'You are signed out')
})

test('the page names the connector while it hangs, and comes back with it', async (t) => {
  const page = await visit(t, { statuses: [503, 504], broken: true })
  await page.goto(notes)
  await signIn(page, 'admin', admin)
  await heading(page, 'Notes')

  const goOn = await freeze(demo)
  try {
    const answer = await page.goto(notes)
    assert.ok([503, 504].includes(answer.status()), String(answer.status()))
    const failed = page.locator('li.failed')
    assert.match(await failed.textContent(), /Connector/)
    assert.equal(await failed.count(), 1)
    assert.match(await page.getByRole('main').textContent(), /Reference \w+/)
    await look(page, 'connector-failed')
  } finally {
    goOn()
  }
  for (const deadline = Date.now() + patience; ;) {
    if ((await reach(page, notes))?.status() === 200) break
    assert.ok(Date.now() < deadline, 'the application did not come back')
  }
  await heading(page, 'Notes')
})
