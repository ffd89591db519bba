// What the tests of the admin center have in common: a demo or a new service, browsers of people, a look at each page.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { launch } from './browser.mjs'
import { patience, postern, start, watch } from './postern.mjs'

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const screenshots = join(fileURLToPath(new URL('../../', import.meta.url)), '.cache', 'screenshots')

// demo starts a demo with a browser that trusts it.
export async function demo() {
  const program = await start((dir) => ['demo', '--port', '0', '--data', dir],
    /Open this\s+(\S+)\s+Portal\s+(\S+)[^]*Admin center and API\s+(\S+)[^]*as\s+admin\s+password\s+(\S+)[^]*or\s+guest\s+password\s+(\S+)[^]*Ctrl-C/)
  const [, notes, portal, admin, adminPassword, guestPassword] = program.match
  const ca = join(program.dir, 'ca.pem')
  const browser = await launch({ ca: readFileSync(ca, 'utf8') })
  const cli = (...args) => execFileSync(postern(), args, { encoding: 'utf8',
    env: { ...process.env, POSTERN_SERVER: admin.replace(/\/$/, ''), POSTERN_API_KEY_FILE: join(program.dir, 'api-key'), POSTERN_CA_FILE: ca } })
  const stop = async () => {
    await browser.close()
    await program.stop()
  }
  return { notes, portal: portal.replace(/\/$/, ''), admin: admin.replace(/\/$/, ''), adminPassword, guestPassword, dir: program.dir, pid: program.pid, browser, cli, json: (...args) => JSON.parse(cli(...args, '-o', 'json')), stop }
}

// visit opens a browser of its own for one person. Whatever it complains about fails the test at its end: a style or script that
// the policy refuses, an exception, an answer that is not meant. Before somebody has signed in, one 401 is.
export async function visit(t, system, { statuses = [], lost = false, ...options } = {}) {
  const context = await system.browser.newContext({ viewport: { width: 1280, height: 800 }, locale: 'en-US', ...options })
  context.setDefaultTimeout(patience)
  const page = await context.newPage()
  const elsewhere = []
  page.on('request', (r) => { if (!/^https:\/\/[^/]*\.localhost[:/]|^data:/.test(r.url())) elsewhere.push(r.url()) })
  const complaints = watch(page, [401, ...statuses, ...(lost ? ['net::ERR'] : [])])
  leaveWhole(page)
  t.after(async () => {
    await context.close()
    assert.deepEqual(complaints, [], 'the browser complained')
    assert.deepEqual(elsewhere, [], 'the page asked other hosts')
  })
  return page
}

// leaveWhole has a page not be left by the test while a part of the program is on its way, which the browser would complain of.
function leaveWhole(page) {
  const loading = new Set()
  page.on('request', (r) => { if (new URL(r.url()).pathname.startsWith('/assets/')) loading.add(r) })
  for (const end of ['requestfinished', 'requestfailed']) page.on(end, (r) => loading.delete(r))
  for (const leave of ['goto', 'reload']) {
    const now = page[leave].bind(page)
    page[leave] = async (...args) => {
      for (const late = Date.now() + patience; loading.size && Date.now() < late;) await new Promise((resolve) => setTimeout(resolve, 20))
      loading.clear() // one that never ended is of the page before
      return now(...args)
    }
  }
}

// signIn fills in the portal's form, wherever the page was sent from.
export async function signIn(page, name, password) {
  await page.locator('input[name=name]').fill(name)
  await page.locator('input[name=password]').fill(password)
  await page.keyboard.press('Enter')
}

export async function open(page, system, path, name = 'admin', password = system.adminPassword) {
  await page.goto(system.admin + path)
  await signIn(page, name, password)
  await page.locator('#content h1').first().waitFor()
}

// What can only be otherwise in a look is looked at there: colours in the dark, the rest on a telephone.
const inTheDark = { runOnly: ['color-contrast', 'link-in-text-block'] }
const looks = [['light', 'light', 1280, {}], ['dark', 'dark', 1280, inTheDark], ['narrow-dark', 'dark', 360, inTheDark], ['narrow', 'light', 360, { rules: { 'color-contrast': { enabled: false } } }]]

// see takes screenshots of what is shown in light, in dark and on a telephone (the sweep over all pages, which takes none, looks there in both); in each no rule of accessibility is broken and
// nothing sticks out.
export async function see(page, name, { without = [], shots = true } = {}) {
  mkdirSync(screenshots, { recursive: true })
  for (const [look, colorScheme, width, options] of looks.filter(([look]) => !shots || look !== 'narrow-dark')) {
    await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' })
    await page.setViewportSize({ width, height: 800 })
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))))
    await page.waitForFunction(() => document.getAnimations().every((a) => a.playState !== 'running' || a.effect?.getTiming().iterations === Infinity))
    if (shots) await page.screenshot({ path: join(screenshots, `center-${name}-${look}.png`), fullPage: true })
    assert.deepEqual(await page.evaluate(wide), [], `${name}, ${look}: sticking out`)
    const rules = { ...options.rules, ...Object.fromEntries(without.map((rule) => [rule, { enabled: false }])) }
    await page.evaluate(axe)
    // Fluent's sentinels pass the focus on at once: nobody meets them. Its toasts are announced and lie beside the page.
    const result = await page.evaluate((options) => globalThis.axe.run({ exclude: ['[data-tabster-dummy]', '.fui-Toast'] }, options), { resultTypes: ['violations'], ...options, ...(options.runOnly ? {} : { rules }) })
    assert.deepEqual(result.violations.map((v) => `${v.id}: ${v.help}: ${v.nodes.map((n) => n.html.slice(0, 200)).join(' ')}`), [], `${name}, ${look}: accessibility`)
  }
  await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' })
  await page.setViewportSize({ width: 1280, height: 800 })
}

// wide lists what makes the page wider than its window.
function wide() {
  const width = document.documentElement.clientWidth
  if (document.documentElement.scrollWidth <= width) return []
  return [...document.querySelectorAll('body *')].filter((e) => e.getBoundingClientRect().right > width + 1)
    .map((e) => `${e.tagName.toLowerCase()}: ${e.textContent.trim().slice(0, 60)}`).slice(0, 8)
}

// row is the row of a list that has a name.
export const row = (page, name) => page.getByRole('row').filter({ has: page.getByRole('cell').getByText(name, { exact: true }) }).first()

// choose opens the menu of a row and chooses something from it.
export async function choose(page, name, action) {
  await page.getByRole('button', { name: `Actions for ${name}`, exact: true }).click()
  await page.getByRole('menuitem', { name: action, exact: true }).click()
}

// until asks again and again, at its own pace, until what it is given holds.
export async function until(what, ask) {
  for (const late = Date.now() + 2 * patience; ;) {
    if (await ask()) return
    assert.ok(Date.now() < late, `${what}: not in time`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

// reached waits until the connectors of an application that is shown reach it. They are asked once more where the answer came before they had its
// configuration.
export async function reached(page) {
  const told = page.getByRole('region', { name: 'How its connectors reach it' })
  await until('its connectors reach it', async () => {
    if (await told.getByText('Reaches it').isVisible()) return true
    const again = told.getByRole('button', { name: 'Ask them now' })
    if (await again.isVisible()) await again.press('Enter')
    return false
  })
}

// settled waits until nothing on the page is being loaded any more.
export const settled = (page) => page.waitForFunction(() => document.querySelector('#content h1') && !document.querySelector('#content .fui-Spinner'))

// everywhere gives the address of every page: what the navigation leads to with its tabs, one object of each list that has
// pages of its own, and the forms for new ones. A page that is added to the navigation is looked at without anybody's doing.
export async function everywhere(page, system) {
  const found = []
  const add = async () => {
    const at = await page.evaluate(() => location.pathname + location.search)
    if (!found.includes(at)) found.push(at)
  }
  const withTabs = async (path) => {
    await page.goto(system.admin + path)
    await settled(page)
    await add()
    for (const tab of await page.locator('#content').getByRole('tab').all()) {
      await tab.click()
      await settled(page)
      await add()
    }
  }
  const links = await page.getByRole('navigation').first().getByRole('link').evaluateAll((list) => list.map((a) => new URL(a.href).pathname))
  assert.ok(links.length >= 6, 'the navigation has its pages')
  for (const path of links) {
    await withTabs(path)
    await page.goto(system.admin + path)
    await settled(page)
    const object = await page.evaluate((path) => document.querySelector(`#content [role=row] a[href^="${path}/"]`)?.getAttribute('href'), path)
    if (object) await withTabs(object)
  }
  return [...found, '/applications/new', '/logs/way?reference=none']
}
