import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { after } from 'node:test';
import { parseFlags } from '../../../src/settings/parse-flags.ts';
import { type ConvertedFile, convertTraefikFile } from '../../../src/settings/traefik-file.ts';
import { temporaryFolder } from '../../harness/tools.ts';

const folder = temporaryFolder();
after(() => folder.remove());

function fileOf(text: string): string {
  const path = join(folder.path, 'traefik.toml');
  writeFileSync(path, text);
  return path;
}

function convert(text: string): ConvertedFile {
  return convertTraefikFile(fileOf(text));
}

/** Without where they were written, and what is told of them. */
function settingsOf(argv: readonly string[]): unknown {
  const parsed = parseFlags(argv, {});
  assert.equal(parsed.kind, 'run', JSON.stringify(parsed));
  return parsed.kind === 'run' && { ...parsed.settings, origins: null, warnings: null };
}

const HASH = 'ann:$apr1$H6uskkkW$IgXLP6ewTrSuBkTrqE8wj/';
const WHOLE = `
debug = true
logLevel = "WARN"
defaultEntryPoints = ["http", "https"]
checkNewVersion = true
graceTimeOut = "5s"
[entryPoints.http]
address = ":80"
[entryPoints.http.redirect]
entryPoint = "https"
[entryPoints.https]
address = ":443"
compress = true
[entryPoints.https.tls]
minVersion = "VersionTLS12"
[[entryPoints.https.tls.certificates]]
certFile = "b.crt"
keyFile = "b.key"
[entryPoints.https.whiteList]
sourceRange = ["10.0.0.0/8", "192.168.0.0/16"]
[entryPoints.inner]
address = ":8081"
[entryPoints.inner.auth.basic]
users = ["${HASH}", "${HASH.replace('ann', 'bob')}"]
[etcd]
endpoint = "10.0.0.1:2379,10.0.0.2:2379"
[api]
[retry]
[accessLog]
filePath = "/var/log/a b.log"
[acme]
email = "a@b.test"
[docker]
endpoint = "unix:///var/run/docker.sock"
[file]
[backends.b1.servers.s1]
url = "http://10.0.0.1"
[nonsense]
x = 1
`;

test('flags and file that are printed say what the file of Traefik says', () => {
  const path = fileOf(WHOLE);
  const wanted = settingsOf(['-c', path]);
  const { flags, toml, refusal } = convertTraefikFile(path);
  assert.equal(refusal, '');
  assert.deepEqual(settingsOf(flags), wanted);
  assert.deepEqual(settingsOf(['-c', fileOf(toml)]), wanted);
  assert.doesNotMatch(toml, /acme|docker|nonsense|backends|checkNewVersion/);
});

test('what is not obeyed is told, with the reason', () => {
  const { notes } = convert(WHOLE);
  for (const reason of [
    /^acme\.email: it is not supported yet: Fetch certificates by ACME$/,
    /^docker: it is ignored: routes come from etcd/,
    /^backends: it is ignored: frontends and backends are keys in etcd/,
    /^nonsense: it is unknown/,
    /^checkNewVersion: Accepted and ignored/,
    /^admin\.defaultAddress: Traefik has its pages on :8080/,
    /^etcd\.useAPIV3: Traefik reads v2 keys alone/,
  ]) {
    assert.equal(notes.filter((note) => reason.test(note)).length, 1, `${reason} in\n${notes.join('\n')}`);
  }
});

test('what a flag cannot say is told, and stands in the file', () => {
  const pem = '-----BEGIN CERTIFICATE-----\\nAAAA\\n-----END CERTIFICATE-----\\n';
  const { flags, notes, toml } = convert(
    `[entryPoints.s]\naddress=":443"\n[entryPoints.s.tls]\n[[entryPoints.s.tls.certificates]]\ncertFile="${pem}"\nkeyFile="k"\n[entryPoints.f]\naddress=":1"\n[entryPoints.f.auth.basic]\nusersFile="/etc/passwords"`,
  );
  assert.deepEqual(flags, []);
  assert.equal(notes.filter((note) => /^entryPoints\.[sf]: a flag cannot say it/.test(note)).length, 2);
  assert.match(toml, /usersFile = "\/etc\/passwords"/);
});

test('a file by which tsuji would not start is converted, and said to be one', () => {
  const { flags, refusal } = convert('[entryPoints.http]\naddress="80"\n[web]');
  assert.deepEqual(flags, ['--web', '--entryPoints=Name:http Address:80']);
  assert.match(refusal, /--entryPoints: "http"/);
  assert.throws(() => convert('[retry]\nattempts = "many"'), /retry\.attempts: "many" is not a whole number/);
});
