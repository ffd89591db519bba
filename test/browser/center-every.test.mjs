// Every page can be used by everybody: in light and dark, on a wide screen and a telephone, whatever things are called.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { demo, everywhere, open, see, settled, visit } from './center.mjs'

let system

before(async () => {
  system = await demo()
  const long = 'Verwaltungsgemeinschaftsangelegenheiten-und-Wirtschaftsprüfungskoordination-der-Hauptniederlassung-Süd'
  system.cli('connector-groups', 'create', long, '--region', 'eu-west')
  system.cli('groups', 'create', long)
})
after(async () => { await system?.stop() })

test('every page: no rule of accessibility is broken and nothing sticks out, in light and dark, on a wide screen and a telephone', async (t) => {
  const page = await visit(t, system, { statuses: [403, 404] })
  const broken = []
  await open(page, system, '/overview')
  for (const path of await everywhere(page, system)) {
    try { // all that is broken is told at once
      await page.goto(system.admin + path)
      await settled(page)
      await see(page, path, { shots: false })
    } catch (error) {
      broken.push(`${path}: ${error.message}`.slice(0, 1500))
    }
  }
  assert.deepEqual(broken, [])
})
