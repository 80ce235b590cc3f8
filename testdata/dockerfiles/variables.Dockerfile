FROM alpine
ENV A=$B C=${D} E=${F:-g} H=${I-j} K=${L:+m} N=${O+p} Q=${R:?s} T=${U?v}
ENV A1=${B#c} D1=${E##f*} G1=${H%i?} J1=${K%%l} M1=${N/o/p} Q1=${R//s/t} U1=${V:-${W:-x}}
COPY $a ${b}/c "${d:-e f}" /g/
EXPOSE $1 $@ $$
