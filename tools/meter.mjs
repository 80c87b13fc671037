/** What whole processes take, as the kernel has counted it (getrusage(2)): by python3, since Node does not say. */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

/** One job a line: what to run. One answer a line: what it took, its children that it waited for included. */
const SCRIPT = `
import json, os, sys, tempfile, time
for line in sys.stdin:
    job = json.loads(line)
    out = open(os.devnull, 'w')
    into = tempfile.TemporaryFile()
    into.write(job['input'].encode())
    into.seek(0)
    err = tempfile.TemporaryFile()
    began = time.perf_counter()
    pid = os.fork()
    if pid == 0:
        try:
            os.chdir(job['cwd'])
            for descriptor, file in enumerate([into, out, err]):
                os.dup2(file.fileno(), descriptor)
            os.execvpe(job['program'], [job['program'], *job['words']], job['env'])
        finally:
            os._exit(127)
    _, status, usage = os.wait4(pid, 0)
    took = time.perf_counter() - began
    err.seek(0)
    print(json.dumps({
        'status': os.waitstatus_to_exitcode(status),
        'stderr': err.read(2000).decode(errors='replace'),
        'wall': took * 1000,
        'cpu': (usage.ru_utime + usage.ru_stime) * 1000,
        'peak': usage.ru_maxrss,
    }), flush=True)
`

/**
 * @typedef {object} Job
 * @property {string} program a path, or a name on the PATH of env
 * @property {string[]} words
 * @property {string} cwd
 * @property {Record<string, string | undefined>} env
 * @property {string} [input] what stands on standard input; nothing unless told
 */

/** Starts a meter. Its `take` runs one process and returns milliseconds of `wall` and `cpu`, and `peak` in KiB. */
export function startMeter() {
  const python = spawn('python3', ['-c', SCRIPT], { stdio: ['pipe', 'pipe', 'inherit'] })
  const answers = createInterface({ input: python.stdout })[Symbol.asyncIterator]()
  /** @param {Job} job */
  const take = async ({ input = '', ...job }) => {
    python.stdin.write(`${JSON.stringify({ ...job, input })}\n`)
    const { value, done } = await answers.next()
    if (done) throw new Error('python3 is gone')
    const { status, stderr, ...taken } = JSON.parse(value)
    if (status !== 0) throw new Error(`${job.program} ${job.words.join(' ')}: status ${status}: ${stderr}`)
    return /** @type {{ wall: number, cpu: number, peak: number }} */ (taken)
  }
  return { take, stop: () => python.stdin.end() }
}
