// The first administrator: from the link that a new service prints to the API key.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { launch } from './browser.mjs'
import { freePort, look, patience, start, watch } from './postern.mjs'

let service, browser, link

before(async () => {
  const port = await freePort()
  service = await start((dir) => ['serve', '--data', join(dir, 'service'), '--url', `https://portal.new.localhost:${port}`, '--listen', `127.0.0.1:${port}`,
    '--listen-plain', 'off', '--metrics-listen', 'off', '--drain', '1s'], /(https:\S+\/setup#\S+)\s[^]*serving/)
  link = service.match[1]
  browser = await launch({ ca: readFileSync(join(service.dir, 'service', 'ca.pem'), 'utf8') })
})

after(async () => {
  await browser?.close()
  await service?.stop()
})

test('a new service is claimed by its link', async (t) => {
  const page = await browser.newPage()
  page.setDefaultTimeout(patience)
  const complaints = watch(page, [401, 404, 409, 410, 422])
  t.after(() => assert.deepEqual(complaints, [], 'the browser complained'))

  await page.goto(new URL('/', link).href)
  await page.getByRole('heading', { level: 1 }).waitFor()
  await look(page, 'admin-index')

  await page.goto(link)
  assert.equal(await page.getByLabel('Set-up code').inputValue(), link.split('#')[1])
  await look(page, 'setup')

  await page.getByLabel('Sign-in name').fill('ada')
  await page.getByLabel('Password').fill('short')
  await page.getByRole('button', { name: 'Set up' }).click()
  await page.locator('[aria-invalid=true]').waitFor()
  assert.equal(await page.getByLabel('Password').getAttribute('aria-invalid'), 'true')
  assert.equal(await page.getByLabel('Sign-in name').inputValue(), 'ada')
  await look(page, 'setup-wrong')

  await page.getByLabel('Password').fill('correct horse battery staple')
  await page.getByRole('button', { name: 'Set up' }).click()
  await page.locator('#key').waitFor()
  const key = await page.locator('#key').textContent()
  await look(page, 'setup-done')
  assert.equal(await useKey(page, key), 200)
  assert.equal(await useKey(page, key.slice(0, -1)), 401)

  await page.goto(new URL('/', link).href)
  await page.locator('input[name=password]').waitFor() // the portal's: there is somebody now
  await page.goto(link)
  await page.getByRole('heading', { level: 1 }).waitFor()
  await page.getByLabel('Sign-in name').fill('eve')
  await page.getByLabel('Password').fill('correct horse battery staple')
  await page.getByRole('button', { name: 'Set up' }).click()
  await page.getByRole('alert').waitFor()
  assert.equal(await page.locator('#key').count(), 0)
  await look(page, 'setup-again')
})

// useKey asks the admin API for the users and gives the answer's status.
const useKey = (page, key) => page.evaluate(async (key) =>
  (await fetch('/api/v1/users', { headers: { Authorization: `Bearer ${key}` } })).status, key)
