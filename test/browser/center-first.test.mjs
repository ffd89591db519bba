// From an empty service to an opened application, by the keyboard alone.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { launch } from './browser.mjs'
import { reached, see, until, visit } from './center.mjs'
import { freePort, patience, postern, start } from './postern.mjs'

let service, browser, link, port, wiki

before(async () => {
  port = await freePort()
  service = await start((dir) => ['serve', '--data', join(dir, 'service'), '--url', `https://portal.new.localhost:${port}`, '--listen', `127.0.0.1:${port}`,
    '--listen-plain', 'off', '--metrics-listen', 'off', '--drain', '1s'], /(https:\S+\/setup#\S+)\s[^]*serving/)
  link = service.match[1]
  browser = await launch({ ca: readFileSync(join(service.dir, 'service', 'ca.pem'), 'utf8') })
  wiki = createServer((request, response) => response.setHeader('Content-Type', 'text/html').end('<!doctype html><title>Wiki</title><h1>The wiki</h1>'))
  await new Promise((resolve) => wiki.listen(0, '127.0.0.1', resolve))
})

after(async () => {
  await browser?.close()
  await service?.stop()
  wiki?.close()
  wiki?.closeAllConnections()
})

// to presses Tab until what has the focus is called so, and is seen to have it.
async function to(page, name) {
  const names = []
  for (let i = 0; i < 120; i++) {
    await page.keyboard.press('Tab')
    const at = await page.evaluate(() => {
      const e = document.activeElement
      return (e?.getAttribute('aria-label') || (e?.labels?.[0] ?? e)?.textContent || '').trim()
    })
    if (name instanceof RegExp ? name.test(at) : at === name) return
    names.push(at)
  }
  assert.fail(`${name} is not reached by Tab: ${names.join(' | ')}`)
}

const type = async (page, text) => {
  await page.keyboard.press('Control+A')
  await page.keyboard.type(text)
}

test('first steps', async (t) => {
  const page = await visit(t, { browser })
  await page.goto(link)
  await page.getByLabel('Sign-in name').fill('ada')
  await page.getByLabel('Password').fill('correct horse battery staple')
  await page.keyboard.press('Enter')
  await page.locator('#key').waitFor()
  await page.getByRole('link', { name: 'Go on in the admin center' }).focus()
  await page.keyboard.press('Enter')
  await page.locator('input[name=name]:focus').waitFor()
  await page.keyboard.type('ada')
  await page.keyboard.press('Tab')
  await page.keyboard.type('correct horse battery staple')
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { level: 1, name: 'First steps' }).waitFor()
  await page.getByRole('button', { name: 'Make a token' }).waitFor()
  await see(page, 'first-steps')

  await to(page, 'Name of the token')
  await page.keyboard.type('site-1')
  await to(page, 'Make a token')
  await page.keyboard.press('Enter')
  await page.getByText('Waiting for a connector to enrol', { exact: false }).waitFor()
  await page.getByRole('tab', { name: 'Linux' }).focus()
  for (const name of ['Windows', 'macOS', 'Try it without installing']) {
    await page.keyboard.press('ArrowRight')
    await page.getByRole('tab', { name, exact: true }).and(page.locator(':focus')).waitFor()
  }
  await page.keyboard.press('Enter')
  await page.getByText('In a terminal, without root', { exact: false }).waitFor()
  const command = await page.getByRole('region', { name: 'Command' }).textContent()
  const rules = join(service.dir, 'rules')
  writeFileSync(rules, `allow 127.0.0.1:${wiki.address().port}\n`, { mode: 0o600 })
  const shell = spawn('bash', ['-c', `exec ${command} --state ${join(service.dir, 'connector')} --rules ${rules} --name site-1`], { cwd: join(postern(), '..'), stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  shell.stderr.on('data', (text) => { said += text })
  t.after(() => new Promise((resolve) => { shell.on('exit', resolve); shell.kill('SIGINT') || resolve() }))
  await page.getByText('site-1 is connected and answers probes.').waitFor({ timeout: 2 * patience }).catch((error) => { throw new Error(`${error}\n${said}`) })
  await page.getByText('1 connector answers probes.').waitFor()
  await see(page, 'first-steps-connected')

  const external = `https://wiki.new.localhost:${port}/`
  await page.getByRole('button', { name: 'Make another token' }).focus()
  await to(page, /^Name/)
  await page.keyboard.type('Wiki')
  await to(page, /^External URL/)
  await type(page, external)
  await to(page, /^Internal URL/)
  await type(page, `http://127.0.0.1:${wiki.address().port}/`)
  await to(page, 'Publish')
  await page.keyboard.press('Enter')
  await page.getByText('Wiki is published.').first().waitFor()
  await reached(page)

  await to(page, /^User or group/)
  await page.keyboard.type('ad')
  await page.getByRole('option', { name: 'ada', exact: true }).waitFor()
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('Enter')
  await to(page, 'Add')
  await page.keyboard.press('Enter')
  await page.getByText('1 assignment is there.').waitFor()

  await to(page, `Open wiki.new.localhost:${port}`)
  const [opened] = await Promise.all([page.context().waitForEvent('page'), page.keyboard.press('Enter')])
  await until('the gateway knows the assignment', async () => {
    await opened.getByRole('heading', { level: 1 }).first().waitFor() // of the wiki, or of the page that refuses
    if (await opened.getByRole('heading', { level: 1, name: 'The wiki' }).isVisible()) return true
    await opened.reload()
    return false
  })
  await page.getByText('A request was answered', { exact: false }).waitFor()
  await page.getByText('Everything is there.', { exact: false }).waitFor()
  await see(page, 'first-steps-done')
})
