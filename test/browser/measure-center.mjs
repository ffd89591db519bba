// Measures the admin center of a service that has a lot (test/center starts it): how soon each page is there, how soon what
// somebody does is answered with a painted frame, and how much is loaded for it. Figures are the browser's own: Largest
// Contentful Paint, Event Timing, Long Tasks. Every page that the navigation leads to is looked at, with its tabs.
import { readFileSync } from 'node:fs'
import { launch } from './browser.mjs'
import { patience } from './postern.mjs'

const { ADMIN_URL: admin, CA_FILE: ca, SIGN_IN: name, PASSWORD: password } = process.env
const rounds = Math.min(3, Number(process.env.ROUNDS) || 3) // each takes some minutes
const bars = { paint: 1500, interaction: 100 } // milliseconds

const browser = await launch({ ca: readFileSync(ca, 'utf8') })

// observe collects in the page what the browser measures of it.
function observe() {
  const seen = (globalThis.seen = { paint: 0, events: [], tasks: [] })
  const watch = (type, each, options = {}) => new PerformanceObserver((list) => list.getEntries().forEach(each)).observe({ type, buffered: true, ...options })
  watch('largest-contentful-paint', (e) => { seen.paint = Math.max(seen.paint, e.startTime) })
  watch('event', (e) => { if (e.interactionId) seen.events.push([e.interactionId, e.duration, e.name]) }, { durationThreshold: 16 })
  watch('longtask', (e) => seen.tasks.push([e.startTime, e.duration]))
}

async function signedIn() {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: 'en-US', reducedMotion: 'reduce' })
  await context.addInitScript(observe)
  const page = await context.newPage()
  page.setDefaultTimeout(patience)
  await page.goto(admin + '/overview')
  await page.locator('input[name=name]').fill(name)
  await page.locator('input[name=password]').fill(password)
  await page.keyboard.press('Enter')
  await page.locator('#content h1').first().waitFor()
  return page
}

// there waits until nothing on the page is being loaded any more, and gives when that was, in milliseconds since it was asked for.
const there = (page) => page.waitForFunction(() => {
  const main = document.querySelector('#content')
  return main?.querySelector('h1') && !main.querySelector('[role=progressbar], .fui-Spinner') && performance.now()
}, undefined, { polling: 'raf' }).then((value) => value.jsonValue())

const quiet = (page) => page.waitForTimeout(400) // what was done is painted, and the browser has told of it

// Every page of the navigation, each with its tabs, and one object of those that have pages of their own.
async function places(page) {
  const found = []
  const links = await page.getByRole('navigation').first().getByRole('link').evaluateAll((list) => list.map((a) => new URL(a.href).pathname))
  for (const path of links) {
    await page.goto(admin + path)
    await there(page)
    found.push(path)
    for (const tab of await tabs(page)) if (tab !== path && !found.includes(tab)) found.push(tab)
    const object = await page.locator(`#content [role=row] a[href^="${path}/"]`).first().getAttribute('href', { timeout: 500 }).catch(() => null)
    if (!object) continue
    await page.goto(admin + object)
    await there(page)
    found.push(object, ...(await tabs(page)).filter((tab) => tab !== object))
  }
  return found
}

// tabs gives the addresses of a page's tabs.
async function tabs(page) {
  const list = page.locator('#content').getByRole('tab')
  const found = []
  for (let i = 0; i < await list.count(); i++) {
    await list.nth(i).click()
    await there(page)
    found.push(await page.evaluate(() => location.pathname + location.search))
  }
  return found
}

const acts = {
  'type into a filter': async (page) => {
    const box = page.locator('#content').locator('input[type=search], [role=search] input, input[type=text], input:not([type])').first()
    if (!await box.isVisible().catch(() => false)) return false
    await box.click()
    await page.keyboard.type('00', { delay: 60 })
    await quiet(page)
    await there(page)
    for (let i = 0; i < 2; i++) await page.keyboard.press('Backspace', { delay: 60 })
    await quiet(page)
    await there(page)
  },
  'expand a row': async (page) => {
    const row = page.locator('#content [role=row] button[aria-expanded=false]:not([aria-haspopup])').first()
    if (!await row.isVisible().catch(() => false)) return false
    await row.click()
    await quiet(page)
    await page.locator('#content [role=row] button[aria-expanded=true]:not([aria-haspopup])').first().click()
  },
  'open a menu': async (page) => {
    const menu = page.locator('#content button[aria-haspopup=menu]').first()
    if (!await menu.isVisible().catch(() => false)) return false
    await menu.click()
    await page.getByRole('menu').first().waitFor()
    await quiet(page)
    await page.keyboard.press('Escape')
  },
  'switch tabs': async (page) => {
    const list = page.locator('#content').getByRole('tab')
    if (await list.count() < 2) return false
    for (let i = 0; i < await list.count(); i++) {
      await list.nth(i).click()
      await quiet(page)
    }
  },
  'open a panel or a form': async (page) => {
    const button = page.locator('#content button.fui-Button:not([aria-haspopup]):not([aria-disabled=true]):not([type=submit])').filter({ hasText: /^(Add|New|Publish|Create|Make|Export)/ }).first()
    if (!await button.isVisible().catch(() => false)) return false
    await button.click()
    await quiet(page)
    await page.keyboard.press('Escape')
  },
  'go to another page': async (page) => {
    await page.getByRole('navigation').first().getByRole('link').last().click()
    await there(page)
  },
}

// scrolled gives the longest that the browser was busy at a stretch while somebody scrolled through the page.
async function scrolled(page) {
  const from = await page.evaluate(() => performance.now())
  await page.mouse.move(700, 500)
  for (let i = 0; i < 25; i++) {
    await page.mouse.wheel(0, 700)
    await page.waitForTimeout(40)
  }
  await quiet(page)
  return page.evaluate((from) => Math.max(0, ...globalThis.seen.tasks.filter(([at]) => at >= from).map(([, took]) => took)), from)
}

// interactions gives how long each took from the input to the next painted frame.
const interactions = (page) => page.evaluate(() => {
  const worst = {}
  for (const [id, took, name] of globalThis.seen.events) if (!(worst[id]?.[0] >= took)) worst[id] = [took, name]
  return Object.values(worst)
})

const sorted = (list) => [...list].sort((a, b) => a - b)
const p75 = (list) => sorted(list)[Math.min(list.length - 1, Math.floor(list.length * 0.75))] ?? 0
const ms = (n) => String(Math.round(n)).padStart(6)

// visit looks at a page as somebody who has never been there, and acts on it.
async function visit(path, figure) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: 'en-US', reducedMotion: 'reduce', storageState: state }) // nothing is cached
  await context.addInitScript(observe)
  const page = await context.newPage()
  page.setDefaultTimeout(patience)
  await page.goto(admin + path)
  figure.there.push(await there(page))
  await quiet(page)
  figure.paint.push(await page.evaluate(() => globalThis.seen.paint))
  figure.size = await page.evaluate(() => performance.getEntriesByType('resource').filter((r) => r.name.includes('/assets/')).reduce(([packed, whole], r) => [packed + r.encodedBodySize, whole + r.decodedBodySize], [0, 0]))
  figure.scroll.push(await scrolled(page))
  await page.evaluate(() => scrollTo(0, 0))
  for (const [what, act] of Object.entries(acts)) {
    await page.evaluate(() => { globalThis.seen.events.length = 0 })
    if (await act(page) === false) continue
    await quiet(page)
    const took = await interactions(page)
    figure.acts.push(...took.map(([n]) => n))
    for (const [n, name] of took) if (n >= bars.interaction) slow.add(`${path}: ${what} (${name}): ${Math.round(n)} ms`)
    if (await page.evaluate(() => location.pathname) !== new URL(admin + path).pathname) {
      await page.goto(admin + path)
      await there(page)
    }
  }
  await context.close()
}

const first = await signedIn()
const pages = process.env.PAGES ? process.env.PAGES.split(',') : await places(first)
const state = await first.context().storageState()
await first.context().close()

console.log(`\nmilliseconds, p75 and worst of ${rounds} runs with nothing cached; an interaction under 16 ms is not told by the browser`)
console.log('  largest paint     all there   interaction  (count)  busy in scrolling   loaded KiB (whole)   page')
const figures = []
const slow = new Set()
let bad = 0
for (const path of pages) {
  const f = { paint: [], there: [], acts: [], scroll: [], size: [0, 0] }
  for (let round = 0; round < rounds; round++) await visit(path, f)
  figures.push(f)
  const acts = f.acts.length ? f.acts : [0]
  const over = p75(f.paint) >= bars.paint || p75(acts) >= bars.interaction
  bad += over ? 1 : 0
  console.log(`${ms(p75(f.paint))} ${ms(Math.max(...f.paint))} ${ms(p75(f.there))} ${ms(Math.max(...f.there))} ${ms(p75(acts))} ${ms(Math.max(...acts))} ${ms(f.acts.length)} ${ms(p75(f.scroll))} ${ms(Math.max(...f.scroll))} ${ms(f.size[0] / 1024)} ${ms(f.size[1] / 1024)}   ${path}${over ? '  TOO SLOW' : ''}`)
}
await browser.close()
for (const line of slow) console.log(`slow: ${line}`)
console.log(`all pages: largest paint p75 ${ms(p75(figures.flatMap((f) => f.paint)))} worst ${ms(Math.max(...figures.flatMap((f) => f.paint)))}; interaction p75 ${ms(p75(figures.flatMap((f) => f.acts)))} worst ${ms(Math.max(...figures.flatMap((f) => f.acts)))} of ${figures.flatMap((f) => f.acts).length}`)
if (bad > 0) {
  console.log(`${bad} of ${figures.length} pages are too slow`)
  process.exitCode = 1
}
