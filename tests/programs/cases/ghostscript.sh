# what: ghostscript: a made PostScript program to PPM and PNG, to PDF and back
# set: full
# limit: 300
# needs: gs
#
# An interpreter with a save/restore heap of its own over large malloc blocks, and a renderer that
# takes bands, fonts and halftones.
# shellcheck shell=bash

cat >page.ps <<'PS'
%!PS
/rnd { rand 1000 mod 1000 div } def
42 srand
1 1 3 {
	/page exch def
	gsave
	0 1 300 {
		/i exch def
		rnd rnd rnd setrgbcolor
		newpath rnd 500 mul 50 add rnd 700 mul 50 add rnd 40 mul 0 360 arc
		i 2 mod 0 eq { fill } { 2 setlinewidth stroke } ifelse
	} for
	grestore
	gsave
	<< /ShadingType 2 /ColorSpace /DeviceRGB /Coords [0 0 500 700] /Extend [true true]
	   /Function << /FunctionType 2 /Domain [0 1] /C0 [1 0 0] /C1 [0 0 1] /N 1 >> >>
	newpath 100 100 300 200 rectclip shfill
	grestore
	/Times-Roman findfont 24 scalefont setfont
	0 setgray
	0 1 20 { /i exch def 60 i 30 mul 80 add moveto (Line ) show i 10 string cvs show
		( of the page, in Times Roman) show } for
	/Helvetica-Bold findfont 60 scalefont setfont
	gsave 100 400 translate 30 rotate 0 0 moveto (outlined) true charpath stroke grestore
	gsave 300 300 translate 200 200 scale
	64 64 8 [64 0 0 64 0 0] { 64 string 0 1 63 { 2 copy dup 4 mul page mul 255 and put pop } for } image
	grestore
	/d 2000 dict def 0 1 1500 { d exch dup 20 string cvs cvn exch put } for
	d length 10 string cvs 60 40 moveto show
	save 0 1 2000 { array pop } for restore
	showpage
} for
PS
render() { gs -q -dSAFER -dBATCH -dNOPAUSE "$@"; }
render -sDEVICE=ppmraw -r100 -sOutputFile=page%d.ppm page.ps
render -sDEVICE=png16m -r60 -dTextAlphaBits=4 -dGraphicsAlphaBits=4 -sOutputFile=page%d.png page.ps
render -sDEVICE=faxg4 -r200 -sOutputFile=page%d.fax page.ps
render -sDEVICE=ppmraw -r150 -dNumRenderingThreads=3 -dMaxBitmap=100000 -dBufferSpace=200000 \
	-sOutputFile=band%d.ppm page.ps
render -sDEVICE=pdfwrite -sOutputFile=page.pdf page.ps
render -sDEVICE=ppmraw -r72 -sOutputFile=pdf%d.ppm page.pdf
sha256sum ./*.ppm ./*.png ./*.fax
gs -q -dNODISPLAY -dBATCH -c '(ok) = quit'
probe_bound gs -q -dNODISPLAY -dBATCH -c quit
