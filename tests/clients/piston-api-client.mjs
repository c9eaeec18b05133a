// piston-api-client: PistonClient speaks by fetch(), NodePistonClient by node's own http.
import { answer, load, url, what } from './load.mjs'

const { default: api } = await load('piston-api-client')
const [kind] = what.split('.')
const client = new api[kind]({ server: url })

await answer({
  [`${kind}.runtimes`]: () => client.runtimes(),
  [`${kind}.execute`]: request => client.execute(JSON.parse(request)),
})
