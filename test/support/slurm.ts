/** A real Slurm of one node on this machine's loopback, in a folder of its own. */
import { existsSync } from "node:fs";

export interface Slurm extends AsyncDisposable {
  /** For programs that talk to it. */
  readonly env: Readonly<Record<string, string>>;
  /** Run one of its programs. @returns What it printed. */
  run(program: string, ...args: string[]): Promise<string>;
  /** Wait until a job and its tasks are gone from the queue. */
  drained(): Promise<void>;
}

/** @returns Why there is none here, in one line, or null. */
export async function slurmMissing(): Promise<string | null> {
  if ((await new Deno.Command("id", { args: ["-u"] }).output()).stdout[0] !== "0".charCodeAt(0)) {
    return "its daemons are run as root here";
  }
  // Its daemons ask for addresses of a kind that the machine has (AI_ADDRCONFIG); the loopback alone counts as none.
  if (!Deno.networkInterfaces().some(({ name, family }) => family === "IPv4" && name !== "lo")) {
    return "it finds no address, not even its own, on a machine with nothing but a loopback interface";
  }
  const script = decodeURIComponent(new URL("../../scripts/setup_slurm.sh", import.meta.url).pathname);
  const { code, stderr } = await new Deno.Command(script, { args: ["--check"], stdin: "null" }).output();
  return code === 0 ? null : new TextDecoder().decode(stderr).trim();
}

export async function startSlurm(): Promise<Slurm> {
  const folder = Deno.makeTempDirSync({ prefix: "rocketkv-slurm-" });
  for (const name of ["state", "spool"]) Deno.mkdirSync(`${folder}/${name}`);
  const env = { SLURM_CONF: `${folder}/slurm.conf` };
  Deno.writeTextFileSync(env.SLURM_CONF, config(folder, freePort(), freePort()));
  const daemons: Deno.ChildProcess[] = [];
  const start = (program: string) => {
    const silent = { stdin: "null", stdout: "null", stderr: "null" } as const;
    daemons.push(new Deno.Command(program, { args: ["-D"], env, ...silent }).spawn());
  };
  const run = async (program: string, ...args: string[]) => {
    const { code, stdout, stderr } = await new Deno.Command(program, { args, env, stdin: "null" }).output();
    if (code === 0) return new TextDecoder().decode(stdout);
    throw new Error(`${program} ${args.join(" ")}: ${new TextDecoder().decode(stderr).trim()}`);
  };
  const self: Slurm = {
    env,
    run,
    drained: () => until(async () => (await run("squeue", "--noheader")).trim() === "", "jobs are still in the queue"),
    async [Symbol.asyncDispose]() {
      for (const daemon of daemons.toReversed()) {
        daemon.kill("SIGKILL");
        await daemon.status;
      }
      Deno.removeSync(folder, { recursive: true });
    },
  };
  try {
    start("slurmctld");
    await until(() => answers(run), "slurmctld does not answer");
    start("slurmd");
    const idle = async () => (await run("sinfo", "--noheader", "--format=%T")).trim() === "idle";
    await until(() => idle().catch(() => false), "the node does not come up");
    return self;
  } catch (error) {
    const logs = ["ctld.log", "d.log"].map((name) => `${folder}/${name}`).filter((path) => existsSync(path));
    const said = logs.map((path) => Deno.readTextFileSync(path).slice(-1000));
    await self[Symbol.asyncDispose]();
    throw new Error(`${(error as Error).message}:\n${said.join("\n")}`);
  }
}

/** Every daemon on 127.0.0.1, without munge, accounts and cgroups. */
function config(folder: string, controllerPort: number, nodePort: number): string {
  const host = Deno.hostname().split(".")[0]!;
  const facts = {
    ClusterName: "test",
    SlurmctldHost: `${host}(127.0.0.1)`,
    SlurmctldPort: controllerPort,
    SlurmdPort: nodePort,
    SlurmUser: "root",
    SlurmdUser: "root",
    AuthType: "auth/none",
    CredType: "cred/none",
    CommunicationParameters: "NoCtldInAddrAny,NoInAddrAny",
    MpiDefault: "none",
    ProctrackType: "proctrack/linuxproc",
    TaskPlugin: "task/none",
    SelectType: "select/cons_tres",
    SelectTypeParameters: "CR_Core",
    SchedulerParameters: "sched_interval=1,batch_sched_delay=1",
    KillWait: 5,
    ReturnToService: 2,
    StateSaveLocation: `${folder}/state`,
    SlurmdSpoolDir: `${folder}/spool`,
    SlurmctldPidFile: `${folder}/slurmctld.pid`,
    SlurmdPidFile: `${folder}/slurmd.pid`,
    SlurmctldLogFile: `${folder}/ctld.log`,
    SlurmdLogFile: `${folder}/d.log`,
    JobAcctGatherType: "jobacct_gather/none",
    AccountingStorageType: "accounting_storage/none",
    JobCompType: "jobcomp/none",
  };
  return [
    ...Object.entries(facts).map(([name, value]) => `${name}=${value}`),
    `NodeName=${host} NodeAddr=127.0.0.1 CPUs=2 RealMemory=1000 State=UNKNOWN`,
    `PartitionName=cpu Nodes=${host} Default=YES MaxTime=INFINITE State=UP`,
    "",
  ].join("\n");
}

function freePort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return (listener.addr as Deno.NetAddr).port;
}

async function answers(run: Slurm["run"]): Promise<boolean> {
  return await run("squeue", "--noheader").then(() => true, () => false);
}

async function until(is: () => Promise<boolean>, otherwise: string): Promise<void> {
  const end = performance.now() + 60_000;
  while (!await is()) {
    if (performance.now() > end) throw new Error(`Waited for a minute: ${otherwise}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
