// nginx asks the introspection endpoint (RFC 7662) about each access token.
async function check(r) {
  const match = /^Bearer ([A-Za-z0-9._~+\/-]+=*)$/i.exec(r.headersIn['Authorization'] || '');
  if (!match) {
    r.return(401);
    return;
  }
  const reply = await ngx.fetch(r.variables.introspection, {
    method: 'POST',
    headers: { 'Authorization': r.variables.credentials, 'Content-Type': 'application/x-www-form-urlencoded' },
    body: 'token=' + match[1],
  });
  if (reply.status !== 200) { // the endpoint is down: never "let through"
    r.return(500);
    return;
  }
  const answer = await reply.json();
  r.return(answer.active === true ? 204 : 401);
}

export default { check };
