import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import test from 'node:test';
import { subjectText } from '../../../src/data/socket/subject-text.ts';

/** `/C=DE/ST=Bay/L=M\/x/O=Foo, "Inc" <a>; b\\c/OU=one/OU=#two /CN=é+x /emailAddress=…/serialNumber=12/street=S 1/postalCode=8/DC=d/title=Dr` */
const CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIC+jCCAqGgAwIBAgIUP46BqVxs9RvaS5d7SwDCDNct+4UwCgYIKoZIzj0EAwIw
gdIxCzAJBgNVBAYTAkRFMQwwCgYDVQQIDANCYXkxDDAKBgNVBAcMA00veDEcMBoG
A1UECgwTRm9vLCAiSW5jIiA8YT47IGJcYzEMMAoGA1UECwwDb25lMQ4wDAYDVQQL
DAUjdHdvIDEOMAwGA1UEAwwFw6kreCAxFDASBgkqhkiG9w0BCQEWBWFAYi5jMQsw
CQYDVQQFEwIxMjEMMAoGA1UECQwDUyAxMQowCAYDVQQRDAE4MREwDwYKCZImiZPy
LGQBGRYBZDELMAkGA1UEDAwCRHIwHhcNMjYxMTI2MTc0MDI0WhcNMjYxMjA2MTc0
MDI0WjCB0jELMAkGA1UEBhMCREUxDDAKBgNVBAgMA0JheTEMMAoGA1UEBwwDTS94
MRwwGgYDVQQKDBNGb28sICJJbmMiIDxhPjsgYlxjMQwwCgYDVQQLDANvbmUxDjAM
BgNVBAsMBSN0d28gMQ4wDAYDVQQDDAXDqSt4IDEUMBIGCSqGSIb3DQEJARYFYUBi
LmMxCzAJBgNVBAUTAjEyMQwwCgYDVQQJDANTIDExCjAIBgNVBBEMATgxETAPBgoJ
kiaJk/IsZAEZFgFkMQswCQYDVQQMDAJEcjBZMBMGByqGSM49AgEGCCqGSM49AwEH
A0IABAJQk56Sh/Ax46GaRXDiSUPy5Tfn9rjcs52fNdojsiYrg1HVFmg0NlRzrpiz
PKtG4OKj9MbjKTUu1S0G51G1TsCjUzBRMB0GA1UdDgQWBBT61QXeEralFHdS5c7G
ewT/1lXSiTAfBgNVHSMEGDAWgBT61QXeEralFHdS5c7GewT/1lXSiTAPBgNVHRMB
Af8EBTADAQH/MAoGCCqGSM49BAMCA0cAMEQCIANziiAKnAk+XvCcsSGldg2JzNbG
iJoJqAS0n+KWdeyjAiB+XiZp50vo+rl+hTC6KU9Ptv54ENFmXvciW7FZNnDqow==
-----END CERTIFICATE-----`;

test('the subject of a certificate is the text that Go makes of it', () => {
  // Printed by crypto/x509 of Go.
  assert.equal(
    subjectText(new X509Certificate(CERTIFICATE)),
    'SERIALNUMBER=12,CN=é\\+x\\ ,OU=one+OU=\\#two\\ ,O=Foo\\, \\"Inc\\" \\<a\\>\\; b\\\\c,POSTALCODE=8,STREET=S 1,L=M/x,ST=Bay,C=DE,' +
      '2.5.4.12=#13024472,0.9.2342.19200300.100.1.25=#130164,1.2.840.113549.1.9.1=#0c056140622e63',
  );
});
